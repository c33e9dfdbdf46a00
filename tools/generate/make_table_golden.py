# SPDX-License-Identifier: Apache-2.0
"""Writes the files of tests/data/tables with the programs whose tables people have.

    make_table_golden.py [DIRECTORY]     (default: tests/data/tables)

Every file holds the same rows: an id, a text and a note with numbers. The texts have everything
that formats write in special ways: delimiters, quotes, line ends, backslashes, null, and the empty
text. rows.jsonl, which json writes, is the reference. The software of its name writes a file.
What pandas and Python's csv module read from their CSV files, and pandas and DuckDB from their JSON,
is compared with the rows here, so that the files are known to mean what the tests expect.

pandas writes an empty text like null, and to_csv of pandas cannot tell them apart, so its CSV files
have no row with the empty text. Tried with Python 3.11, pandas 3.1.1, duckdb 2.0.1 and PostgreSQL
16.2 of the package pgserver 0.1.4; excel.csv is Python's writer with what Excel puts around it: a
byte order mark and semicolons.
"""

import csv
import io
import json
import pathlib
import sys
import tempfile

import duckdb
import pandas
import pgserver

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EMPTY_ID = 6
ROWS = [
    (1, "A gorgeous, witty, seductive movie.", "0.10"),
    (2, 'They call it "art"; it is dull', "1e5"),
    (3, "First line is good.\nThe second one is bad.", "a,b"),
    (4, "carriage\r\nreturn", 'x"y'),
    (5, None, "null text"),
    (EMPTY_ID, "", "empty text"),
    (7, "tab\there, back\\slash, \\n and \\N", "\\"),
    (8, "Ça va très bien, 映画 \U0001f600", "é"),
    (9, " spaces around ", " "),
    (10, '"', '""'),
    (11, "semicolon; and 'single quotes'", ";"),
    (12, "\\N", "backslash N"),
    (13, "never dull,\n\n\"quite\" good,\n", "\n"),
    (14, "lone \r carriage return", "."),
]
NO_EMPTY = [row for row in ROWS if row[0] != EMPTY_ID]
HEADER = ["id", "text", "note"]


def require(rows: list, expected: list, what: str) -> None:
    """Fails unless the software has read the rows that it has written."""
    rows = [tuple(None if value is None or value != value else value for value in row) for row in rows]
    if rows != expected:
        raise SystemExit(f"{what} reads other rows than it has written: {rows}")


def write_json(folder: pathlib.Path) -> None:
    lines = [json.dumps(dict(zip(HEADER, row)), ensure_ascii=False) for row in ROWS]
    (folder / "rows.jsonl").write_bytes("".join(line + "\n" for line in lines).encode())


def write_python(folder: pathlib.Path) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, "excel-tab")
    writer.writerow(HEADER)
    writer.writerows(NO_EMPTY)
    (folder / "python_tab.csv").write_bytes(out.getvalue().encode())
    read = list(csv.reader(io.StringIO(out.getvalue(), newline=""), "excel-tab"))[1:]
    require([(int(i), *rest) for i, *rest in read], [(i, t or "", n) for i, t, n in NO_EMPTY], "csv")
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(NO_EMPTY)
    (folder / "excel.csv").write_bytes(out.getvalue().encode("utf-8-sig"))


def write_pandas(folder: pathlib.Path) -> None:
    frame = pandas.DataFrame(NO_EMPTY, columns=HEADER)
    for name, options in {"pandas.csv": {}, "pandas_quoted.csv": {"quoting": csv.QUOTE_NONNUMERIC}}.items():
        if options:
            frame = frame[frame.text.notna()]
        frame.to_csv(folder / name, index=False, lineterminator="\n", **options)
        read = pandas.read_csv(folder / name, lineterminator="\n", dtype={"note": str}, keep_default_na=False,
                               na_values={"text": [""]})
        require(list(read.itertuples(index=False, name=None)), list(frame.itertuples(index=False, name=None))
                if options else NO_EMPTY, name)
    frame = pandas.DataFrame(ROWS, columns=HEADER)
    frame.to_json(folder / "pandas.jsonl", orient="records", lines=True)
    read = pandas.read_json(folder / "pandas.jsonl", orient="records", lines=True, dtype=False)
    require(list(read.itertuples(index=False, name=None)), ROWS, "pandas.jsonl")


def write_duckdb(folder: pathlib.Path) -> None:
    database = duckdb.connect()
    database.execute("create table rows (id integer, text varchar, note varchar)")
    database.executemany("insert into rows values (?, ?, ?)", ROWS)
    for name, options in {"duckdb.csv": "header", "duckdb.jsonl": "format json"}.items():
        path = folder / name
        database.execute(f"copy (select * from rows order by id) to '{path}' ({options})")
    read = database.execute(f"select * from read_json('{folder / 'duckdb.jsonl'}')").fetchall()
    require(read, ROWS, "duckdb.jsonl")


def write_postgres(folder: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as data:
        server = pgserver.get_server(data)
        values = ", ".join(
            "({}, {}, {})".format(row[0], *("null" if v is None else "E'" + "".join(
                f"\\U{ord(c):08X}" for c in v) + "'" for v in row[1:])) for row in ROWS)
        server.psql(f"create table rows (id integer, text text, note text); insert into rows values {values};")
        for name, options in {"postgres.csv": "format csv, header", "postgres.tsv": "header"}.items():
            server.psql(f"copy (select * from rows order by id) to '{data}/{name}' with ({options});")
            (folder / name).write_bytes((pathlib.Path(data) / name).read_bytes())
        server.cleanup()


def main() -> None:
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/data/tables"
    folder.mkdir(parents=True, exist_ok=True)
    for write in (write_json, write_python, write_pandas, write_duckdb, write_postgres):
        write(folder)


if __name__ == "__main__":
    main()
