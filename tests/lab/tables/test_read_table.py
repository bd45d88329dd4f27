import gzip
import sys

import pandas as pd
import pytest

from polytask.errors import TableWarning, UserError
from polytask.lab.tables import guess_columns, read_table

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


def test_spaces_behind_a_word_for_a_missing_cell_do_not_make_it_a_value(tmp_path):
    path = write(tmp_path, "t.csv", "age , job\nNA , nurse \n31 , ? \n4.5 ,clerk\n")
    frame = read_table(path)
    assert frame["age"].dtype == float
    assert frame["age"].isna().tolist() == [True, False, False]
    assert frame["job"].fillna("-").tolist() == ["nurse ", "-", "clerk"]
    decimal = read_table(write(tmp_path, "d.csv", "x;y\nNA ;1\n1,5;2\n"), decimal=",")
    assert decimal["x"].fillna(0.0).tolist() == [0.0, 1.5]


@pytest.mark.parametrize("before", ["\n", "   \n", "\n \t \n"])
def test_blank_lines_before_the_header_are_passed_over(tmp_path, before):
    frame = read_table(write(tmp_path, "t.csv", f"{before}a,b\n1,2\n"))
    assert frame.to_dict("list") == {"a": [1], "b": [2]}


@pytest.mark.parametrize("last", ["", "1234567890123456799"])
def test_whole_numbers_too_long_for_a_float_keep_every_digit(tmp_path, last):
    numbers = [f"{1234567890123456700 + i}" for i in range(3)]
    path = write(tmp_path, "t.csv", "\n".join(["a,b", *(f"{n},1" for n in numbers)]))
    with path.open("a") as file:
        file.write(f"\n{last},1\n")
    [column, _] = guess_columns(read_table(path))
    assert column.kind == "categorical"
    assert list(column.values[:3]) == numbers
    assert column.missing.tolist() == [False] * 3 + [not last]


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


def test_a_header_is_read_without_the_spaces_around_its_names(tmp_path):
    header = '"id ", age\N{NO-BREAK SPACE},\N{ZERO WIDTH SPACE}job  '
    frame = read_table(write(tmp_path, "t.csv", f"{header}\n1,2,3\n"))
    assert list(frame.columns) == ["id", "age", "job"]


@pytest.mark.parametrize("header", ["a,b,a", '"a",b,a', "a,a.1,a", "a,b,a "])
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
        ("t.ods", b"x", "unknown extension"),
        ("t.csv", b"a,b\n1,2\n\x81,2\n", "not UTF-8 text: line 3 holds the byte 0x81"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16-le") + b"\xff", "not UTF-8"),
        ("t.csv", b"\xef\xbb\xbf", "is empty"),
        ("t.csv", b"\xef\xbb\xbf \n\n", "is empty"),
        ("t.csv", b"a" * 9_000_000 + b"\n1\n", "longer than 8,000,000 characters"),
        ("t.csv", ",".join(f"c{i}" for i in range(60_000)) + "\n1\n", "60,000 columns"),
        ("t.csv", '"' + "a" * 200_000 + "\n1\n", "unreadable header"),
        ("t.csv", "a,b\n1,2,3\n", "more cells in its rows"),
        ("t.csv", "a,b\n1,2\n1,2,3\n", "Expected 2 fields in line 3, saw 3"),
        ("t.csv", 'a,b\n"open,1\n2,3\n', "EOF inside string"),
        ("t.csv", "Export of May\n\na,b,c\n1,2,3\n", "'Export of May', and the next"),
    ],
)
def test_a_bad_file_gives_one_sentence_that_names_it(tmp_path, name, content, expected):
    path = write(tmp_path, name, content)
    text = message(path)
    assert expected in text
    assert str(path) in text
    assert "\n" not in text


@pytest.mark.parametrize("name", ["t.tsv", "t.txt", "t.tsv.gz"])
def test_a_file_of_tabs_is_read_by_any_of_its_names(tmp_path, name):
    text = b"price, total\tjob\n1\tx\n"
    path = write(tmp_path, name, gzip.compress(text) if name.endswith("gz") else text)
    assert list(read_table(path).columns) == ["price, total", "job"]


def test_western_european_text_is_read_with_a_warning(tmp_path):
    path = write(tmp_path, "t.csv", "a,größe\n1,é\n".encode("cp1252"))
    with pytest.warns(TableWarning, match="line 1 holds the byte 0xf6.*cp1252"):
        frame = read_table(path)
    assert frame.loc[0, "größe"] == "é"
    assert read_table(path, encoding="latin-1").loc[0, "größe"] == "é"
    with pytest.raises(UserError, match="not UTF-8 text: line 1"):
        read_table(path, encoding="utf-8")


def test_a_byte_order_mark_says_the_encoding(tmp_path):
    frame = read_table(write(tmp_path, "t.csv", "a,ü\n1,é\n".encode("utf-16")))
    assert frame.to_dict("list") == {"a": [1], "ü": ["é"]}


def test_separator_and_decimal_mark_may_be_said(tmp_path):
    path = write(tmp_path, "t.csv", "a:b\n1,234:x\n2:y\n")
    frame = read_table(path, sep=":", decimal=",")
    assert frame["a"].tolist() == [1.234, 2]
    assert read_table(path, sep=":", decimal=".")["a"].tolist() == [1234, 2]
    assert read_table(path, sep=":")["a"].tolist() == ["1,234", "2"]
    spaces = write(tmp_path, "t.txt", "a  b\n1 x\n2   y\n")
    assert read_table(spaces, sep=" ").to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"sep": ";;"}, "one character"),
        ({"decimal": ";"}, r"expected '\.' or ','"),
        ({"sep": ",", "decimal": ","}, "both the separator and the decimal mark"),
        ({"encoding": "utf-9"}, "Python does not know"),
    ],
)
def test_a_wrong_option_is_named(tmp_path, options, expected):
    with pytest.raises(UserError, match=expected):
        read_table(write(tmp_path, "t.csv", "a,b\n1,2\n"), **options)


def test_an_excel_sheet_is_read_like_a_text_file(tmp_path):
    pytest.importorskip("openpyxl")
    frame = pd.DataFrame(
        {
            "age": [31, None, 4.5],
            "job": ["nurse", "?", "clerk"],
            "code": ["01", "1", "2"],
            "day": pd.to_datetime(["2026-01-01", "2026-01-02", None]),
        }
    )
    path = tmp_path / "t.xlsx"
    with pd.ExcelWriter(path) as book:
        frame.to_excel(book, index=False)
        frame.to_excel(book, index=False, sheet_name="other")
    with pytest.warns(TableWarning, match="2 sheets; the first, 'Sheet1'"):
        read = read_table(path)
    assert read["age"].dtype == float
    assert read["job"].isna().tolist() == [False, True, False]
    assert read["code"].tolist() == ["01", "1", "2"]
    assert pd.api.types.is_datetime64_any_dtype(read["day"])
    path.write_bytes(b"PK\x03\x04 and nothing else")
    assert "not a readable Excel file" in message(path)


def test_cells_beside_the_named_columns_of_a_sheet_are_left_out_with_a_word(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book, path = openpyxl.Workbook(), tmp_path / "t.xlsx"
    for row in (["a", "b"], [1, 2, None, "checked"], [3, 4], [5, 6, 7]):
        book.active.append(row)
    book.save(path)
    said = "beside its 2 named columns are left out, such as 'checked' \\(2 such cells"
    with pytest.warns(TableWarning, match=said):
        assert read_table(path)["b"].tolist() == [2, 4, 6]


def test_without_openpyxl_the_extra_that_brings_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert "polytask[excel]" in message(write(tmp_path, "t.xlsx", "x"))


def test_nested_parquet_columns_are_left_out_with_a_word(tmp_path):
    frame = pd.DataFrame(
        {
            "list": [[1, 2], [3], None] * 10,
            "record": [{"a": 1}] * 30,
            "x": [i % 7 for i in range(30)],
            "t": ["a", "b", "b"] * 10,
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    kinds = {c.name: c.kind for c in guess_columns(read_table(tmp_path / "t.parquet"))}
    assert kinds == {
        "list": "nested",
        "record": "nested",
        "x": "numeric",
        "t": "categorical",
    }


def test_a_message_is_cut_to_a_readable_length(tmp_path):
    path = write(tmp_path, "t.csv", f"{'a' * 5000},{'a' * 5000}\n1,2\n")
    assert len(message(path)) < 300 + len(str(path))


def test_a_truncated_parquet_file_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": range(1000)}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert "not a readable Parquet file" in message(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    assert "There is no file" in message(tmp_path / "none.csv")
    assert "is a folder" in message(tmp_path)
