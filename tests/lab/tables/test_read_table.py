import gzip

import pandas as pd
import pytest

from polytask.errors import UserError
from polytask.lab.tables import read_table

ODD = "<script>alert(1)</script>"


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def message(path):
    with pytest.raises(UserError) as caught:
        read_table(path)
    return str(caught.value)


def test_reads_numbers_text_and_missing_cells(tmp_path):
    path = write(tmp_path, "t.csv", "age,job,code\n31,nurse,01\n,?,1\n4.5, clerk,2\n")
    frame = read_table(path)
    assert frame["age"].dtype == float
    assert frame["age"].isna().tolist() == [False, True, False]
    assert frame["job"].fillna("-").tolist() == ["nurse", "-", "clerk"]
    assert frame["code"].tolist() == ["01", "1", "2"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_finds_the_separator_in_the_header(tmp_path, delimiter):
    text = f'a{delimiter}"b, c; d"\n1{delimiter}x\n'
    frame = read_table(write(tmp_path, "t.csv", text))
    assert list(frame.columns) == ["a", "b, c; d"]


def test_gzip_parquet_and_a_byte_order_mark_read_the_same(tmp_path):
    text = f"größe,{ODD}\n1,x\n2,y\n"
    plain = read_table(write(tmp_path, "t.csv", text))
    plain.to_parquet(tmp_path / "t.parquet")
    for path in (
        write(tmp_path, "t.csv.gz", gzip.compress(text.encode())),
        write(tmp_path, "bom.csv", b"\xef\xbb\xbf" + text.encode()),
        tmp_path / "t.parquet",
    ):
        pd.testing.assert_frame_equal(read_table(path), plain)
    assert list(plain.columns) == ["größe", ODD]


def test_columns_without_a_name_get_one(tmp_path):
    frame = read_table(write(tmp_path, "t.csv", ",a,\n0,1,2\n1,2,3\n"))
    assert list(frame.columns) == ["Unnamed: 0", "a", "Unnamed: 2"]


@pytest.mark.parametrize("header", ["a,b,a", '"a",b,a', "a,a.1,a"])
def test_a_column_name_used_twice_is_refused(tmp_path, header):
    assert "more than one column called 'a'" in message(
        write(tmp_path, "t.csv", f"{header}\n1,2,3\n")
    )


def test_a_quoted_name_with_the_separator_used_twice_is_refused(tmp_path):
    assert "'a, b'" in message(write(tmp_path, "t.csv", '"a, b","a, b"\n1,2\n'))


def test_a_parquet_column_name_used_twice_is_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet

    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    assert "more than one column called 'a'" in message(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.csv", "", "is empty"),
        ("t.csv", " \n\n", "is empty"),
        ("t.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("t.csv", "a,b\n", "no rows"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 999, mtime=0)[:40], "complete gzip"),
        ("t.csv.gz", b"a,b\n1,2\n", "complete gzip"),
        ("t.parquet", b"PAR1 and nothing else", "not a readable Parquet"),
        ("t.xlsx", b"x", "unknown extension"),
        ("t.csv", "a,b\n1,2\n\xfc,2\n".encode("latin1"), "line 3 holds the byte 0xfc"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16"), "not UTF-8"),
        ("t.csv", "a,b\n1,2,3\n", "more cells in its rows"),
        ("t.csv", "a,b\n1,2\n1,2,3\n", "Expected 2 fields in line 3, saw 3"),
        ("t.csv", 'a,b\n"open,1\n2,3\n', "EOF inside string"),
    ],
)
def test_a_bad_file_gives_one_sentence_that_names_it(tmp_path, name, content, expected):
    path = write(tmp_path, name, content)
    text = message(path)
    assert expected in text
    assert str(path) in text
    assert "\n" not in text


def test_a_truncated_parquet_file_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": range(1000)}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert "not a readable Parquet file" in message(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    assert "There is no file" in message(tmp_path / "none.csv")
    assert "is a folder" in message(tmp_path)
