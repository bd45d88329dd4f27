"""The official files of FDU-MTL: what each of them must hold."""

from polytask.lab.tables.entry import DataFile

# Domain -> SHA-256, bytes and rows of its training file, then of its test file.
OFFICIAL: dict[str, tuple[tuple[str, int, int], tuple[str, int, int]]] = {
    "books": (
        (
            "40c4c5971165b9e0a509a60472c3bf06c8e1430d4944833141eb3c34d986b65e",
            1_517_583,
            1_600,
        ),
        (
            "b451ac03e48b599bf35dd1a450158389e1ac9018950e95c631053ac14a5b10ad",
            351_857,
            400,
        ),
    ),
    "electronics": (
        (
            "bb2f28c4a20e3d075dd71ff049970bd445f4d47bcc8404a68eb03850413a8da7",
            918_340,
            1_598,
        ),
        (
            "a4d2e7d2a5b8b501a6611e45e1b241aa0d601388b79265cfc94c203cb52f8b8c",
            222_978,
            400,
        ),
    ),
    "dvd": (
        (
            "47334240d9cef76ac5f15a10f9082c3d2c6e7f9a9bb0478a3800ede2a0300771",
            1_581_172,
            1_600,
        ),
        (
            "762e6e030892375eda4f211be58624a3bb6a07c966901c79b803837d21fca4b5",
            402_497,
            400,
        ),
    ),
    "kitchen_housewares": (
        (
            "df5c9e8473b084a6b252dfbb5e074adcaacb9638a882fee3f20d62d747f45d6f",
            762_961,
            1_600,
        ),
        (
            "86bcc015f7cfa773880951830ac6161dc2b8717e8a69773ca11a5bd6529b2020",
            193_578,
            400,
        ),
    ),
    "apparel": (
        (
            "589702d71eded8ca23907acf6e434f203c8c6feb09737106f77f03707641ffc3",
            519_173,
            1_600,
        ),
        (
            "8e591ec14fa0e3d26837b9a40c99d3a93b49f47e7a3fbe4d0afe1b4e1dd45439",
            127_187,
            400,
        ),
    ),
    "camera_photo": (
        (
            "425bf93c303b2f38d2f53649508ea9e55d0114679ecb00fda5c2c15ebbe9e708",
            1_077_961,
            1_597,
        ),
        (
            "3fdea0837d6c41f04720dce8d2e690bbdeb5019ecac749f8f38472ac1dcfa439",
            258_814,
            400,
        ),
    ),
    "health_personal_care": (
        (
            "384f1ec3d76a2f755844cac4bd7725b86bc79910dae60fc33f133e380f827b4a",
            736_321,
            1_600,
        ),
        (
            "07f289177da7ebe71f1ac2ee3d5a25f190913e2a11116f0fb55862e01b60a331",
            173_498,
            400,
        ),
    ),
    "music": (
        (
            "f0b41243475c16391a02e91d87710ed87d68927d4d77f526a3d2369a98ac572e",
            1_170_332,
            1_600,
        ),
        (
            "54a157c56930b9e587b6b955fe4b2e3258d2f70d0d58ccbbf40a4bfd846ee204",
            275_218,
            400,
        ),
    ),
    "toys_games": (
        (
            "bb8404d3b48ab02bca2a75bb1e245297aac36b8143a81549f6485b4c2d24dd10",
            785_692,
            1_600,
        ),
        (
            "6ee304a53f25697ee96bcb60fe07cc36d282ef343c3e0f8ae09df669ec39b116",
            194_694,
            400,
        ),
    ),
    "video": (
        (
            "2867b3e5fffc44132aa61ff49dd608eeacc503b2c9c2133680f0cb4a7a258f3e",
            1_304_633,
            1_600,
        ),
        (
            "8de7a49ee3001409c9049b1f52949d78c7875cb92e031b43f5cef681dfd341e4",
            341_154,
            400,
        ),
    ),
    "baby": (
        (
            "0d884186f3aef0e12dafac0a875887fe631de0df992b15158ab177763882bf57",
            849_433,
            1_500,
        ),
        (
            "8763bb4b8bbf83b93b6aab03706719fc742fb7d89830a6bd95ea1c2490ea58f7",
            220_031,
            400,
        ),
    ),
    "magazines": (
        (
            "d4805a9f094c1c7befa64bc42ea846261b1290a2fd120c46f45c9e89faf782ae",
            1_027_102,
            1_570,
        ),
        (
            "620ecd0ccd7b7f73483b8cdcef5ca07dff92e2d57c9cf4b6e9f7d669a681f6c3",
            263_233,
            400,
        ),
    ),
    "software": (
        (
            "a050cb3ea22b94b21ce70acff3a23eabd1f39307bd862d6c0cc23170eb4830f4",
            1_137_236,
            1_515,
        ),
        (
            "3b92617a5b3ad618b7aaab98546d49c2a69f46dedbceb4ec14dee1cbb4ff02d3",
            270_384,
            400,
        ),
    ),
    "sports_outdoors": (
        (
            "062ac0e2fb04a81c1f06f15b219634810a323a2ee187750e2f479030ebad0326",
            827_286,
            1_600,
        ),
        (
            "77394d7c91fbc69cc16bfaf79f1f945999fe2d8e0fc536f1f79d17089e611f49",
            216_957,
            400,
        ),
    ),
    "imdb": (
        (
            "16dd91ee7aebde130cfeb4d1c58bfe221ad87f1862fdb8ae694693eec3432caa",
            2_254_776,
            1_600,
        ),
        (
            "dc708b7338157a6be56a1ded26abd97f82284d0e736876a6b833ad59e8a2cd53",
            486_414,
            400,
        ),
    ),
    "MR": (
        (
            "a6f222085a50061dd560c3beafc968679abae74683e3d18a66b619c5e2d178dc",
            191_447,
            1_600,
        ),
        (
            "82ec2a6d570978d173240dfd655c25e151761d7d0ace365725745a361e6fabea",
            47_573,
            400,
        ),
    ),
}
DOMAINS = tuple(OFFICIAL)
FILES = tuple(
    DataFile(f"{domain}.task.{part}", *facts)
    for domain, both in OFFICIAL.items()
    for part, facts in zip(("train", "test"), both, strict=True)
)
