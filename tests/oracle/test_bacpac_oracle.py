"""Tests of the oracle itself: `python3 -m unittest discover -s tests/oracle`."""

import contextlib
import hashlib
import io
import json
import pathlib
import struct
import sys
import tempfile
import unittest
import zipfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import bacpac_oracle as oracle  # noqa: E402

XMLNS = oracle.NAMESPACE.strip("{}")


def utf16(text):
    return text.encode("utf-16-le")


def prefixed(size, body):
    return len(body).to_bytes(size, "little") + body


def column_xml(name, type_name, nullable, facets):
    inner = "".join(f'<Property Name="{key}" Value="{value}"/>' for key, value in facets.items())
    source = "" if type_name.startswith("[dbo].") else ' ExternalSource="BuiltIns"'
    return (f'<Entry><Element Type="SqlSimpleColumn" Name="[dbo].[T].[{name}]">'
            f'<Property Name="IsNullable" Value="{nullable}"/><Relationship Name="TypeSpecifier"><Entry>'
            f'<Element Type="SqlTypeSpecifier">{inner}<Relationship Name="Type"><Entry>'
            f'<References{source} Name="{type_name}"/></Entry></Relationship></Element></Entry></Relationship>'
            "</Element></Entry>")


def write_bacpac(path, columns, parts, rows, checksum=None):
    """One table, [dbo].[T]; `columns` are (name, type, nullable, facets)."""
    model = (f'<DataSchemaModel xmlns="{XMLNS}"><Model>'
             '<Element Type="SqlUserDefinedDataType" Name="[dbo].[Short]"><Property Name="Length" Value="3"/>'
             '<Relationship Name="Type"><Entry><References ExternalSource="BuiltIns" Name="[nvarchar]"/></Entry>'
             '</Relationship></Element>'
             '<Element Type="SqlTable" Name="[dbo].[T]"><Relationship Name="Columns">'
             + "".join(column_xml(*column) for column in columns)
             + '<Entry><Element Type="SqlComputedColumn" Name="[dbo].[T].[Computed]"/></Entry>'
             "</Relationship></Element></Model></DataSchemaModel>").encode()
    checksum = checksum or hashlib.sha256(model).hexdigest().upper()
    origin = (f'<DacOrigin xmlns="{XMLNS}"><ExportStatistics><TableRowCountTotalTag>{rows}</TableRowCountTotalTag>'
              f'</ExportStatistics><Checksums><Checksum Uri="/model.xml">{checksum}</Checksum></Checksums></DacOrigin>')
    with zipfile.ZipFile(path, "w") as bacpac:
        bacpac.writestr("model.xml", model)
        bacpac.writestr("Origin.xml", origin)
        for number, part in enumerate(parts):
            bacpac.writestr(f"Data/dbo.T/TableData-000-{number:05}.BCP", part)


# Type, facets, size of the prefix if NOT NULL and if NULL, body, text.
VALUES = [
    ("[tinyint]", {}, 0, 1, b"\xff", "255"),
    ("[smallint]", {}, 0, 1, b"\x00\x80", "-32768"),
    ("[int]", {}, 0, 1, b"\x2a\0\0\0", "42"),
    ("[bigint]", {}, 0, 1, b"\0" * 7 + b"\x80", "-9223372036854775808"),
    ("[bit]", {}, 1, 1, b"\x01", "true"),
    ("[real]", {}, 0, 1, struct.pack("<f", 0.1), "0.1"),
    ("[float]", {}, 0, 1, struct.pack("<d", -1e15), "-1e+15"),
    ("[decimal]", {"Precision": 10, "Scale": 2}, 1, 1, b"\x0a\x02\x00\xe2\x04" + b"\0" * 14, "-12.50"),
    ("[numeric]", {"Precision": 38}, 1, 1, b"\x26\x00\x01" + (10**38 - 1).to_bytes(16, "little"), "9" * 38),
    ("[money]", {}, 0, 1, b"\x01\0\0\0\x02\0\0\0", "429496.7298"),
    ("[smallmoney]", {}, 0, 1, b"\xff" * 4, "-0.0001"),
    ("[char]", {"Length": 3}, 0, 2, utf16("a  "), "a  "),
    ("[nchar]", {"Length": 2}, 2, 2, utf16("é "), "é "),
    ("[varchar]", {"Length": 9}, 2, 2, utf16("x\\\n\"y"), "x\\\n\"y"),
    ("[nvarchar]", {"IsMax": "True"}, 8, 8, utf16("😀"), "😀"),
    ("[dbo].[Short]", {}, 2, 2, utf16("abc"), "abc"),
    ("[sys].[sysname]", {}, 2, 2, utf16("dbo"), "dbo"),
    ("[text]", {}, 4, 4, utf16(""), ""),
    ("[ntext]", {}, 4, 4, utf16("t"), "t"),
    ("[xml]", {}, 8, 8, utf16("<a/>"), "<a/>"),
    ("[binary]", {"Length": 2}, 2, 2, b"\x00\xff", "\\x00ff"),
    ("[varbinary]", {"IsMax": "True"}, 8, 8, b"", "\\x"),
    ("[image]", {}, 4, 4, b"\x01", "\\x01"),
    ("[rowversion]", {}, 2, 2, bytes(range(8)), "\\x0001020304050607"),
    ("[uniqueidentifier]", {}, 1, 1, bytes.fromhex("33221100554477668899aabbccddeeff"),
     "00112233-4455-6677-8899-aabbccddeeff"),
    ("[date]", {}, 0, 1, (3_652_058).to_bytes(3, "little"), "9999-12-31"),
    ("[datetime]", {}, 0, 1, struct.pack("<iI", 0, 1), "1900-01-01 00:00:00.003"),
    ("[datetime]", {}, 0, 1, struct.pack("<iI", -53_690, 2), "1753-01-01 00:00:00.007"),
    ("[smalldatetime]", {}, 0, 1, struct.pack("<HH", 65535, 1439), "2079-06-06 23:59:00"),
    ("[time]", {}, 0, 1, (15).to_bytes(5, "little"), "00:00:00.000002"),
    # The seventh digit rounds up into the next day.
    ("[datetime2]", {}, 0, 1, (863_999_999_995).to_bytes(5, "little") + (0).to_bytes(3, "little"),
     "0001-01-02 00:00:00"),
    # But not into the year 10000, nor to 24:00:00.
    ("[datetime2]", {}, 0, 1, (863_999_999_999).to_bytes(5, "little") + (3_652_058).to_bytes(3, "little"),
     "9999-12-31 23:59:59.999999"),
    ("[datetimeoffset]", {}, 0, 1,
     (863_999_999_995).to_bytes(5, "little") + (3_652_058).to_bytes(3, "little") + struct.pack("<h", -60),
     "9999-12-31 23:59:59.999999+00"),
    ("[time]", {}, 0, 1, (863_999_999_999).to_bytes(5, "little"), "23:59:59.999999"),
    ("[datetimeoffset]", {}, 0, 1,
     (10_000_000).to_bytes(5, "little") + (730_178).to_bytes(3, "little") + struct.pack("<h", 120),
     "2000-02-29 00:00:01+00"),
    ("[sys].[hierarchyid]", {}, 8, 8, bytes.fromhex("447380"), "/-1.5/7/"),
]


class Oracle(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name) / "test.bacpac"

    def run_oracle(self, *arguments):
        out, error = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            code = oracle.main([str(self.path), *arguments])
        return code, out.getvalue(), error.getvalue()

    def dumped(self):
        code, out, error = self.run_oracle("dump")
        self.assertEqual((code, error), (0, ""))
        return [list(json.loads(line)["values"].values()) for line in out.splitlines()]

    def test_every_type(self):
        columns, row, wanted = [], b"", []
        for number, (type_name, facets, not_null, nullable, body, text) in enumerate(VALUES):
            for is_nullable, size in (("False", not_null), ("True", nullable)):
                columns.append((f"c{number}{is_nullable}", type_name, is_nullable, facets))
                row += prefixed(size, body) if size else body
                wanted.append(text)
        write_bacpac(self.path, columns, [row, row + row], 3)
        self.assertEqual(self.dumped(), [wanted] * 3)
        code, out, _ = self.run_oracle("check")
        self.assertEqual((code, out.splitlines()[-1]), (0, "total: 3 rows, Origin.xml states 3: equal"))

    def test_nulls(self):
        columns = [(f"c{number}", type_name, "True", facets)
                   for number, (type_name, facets, *_) in enumerate(VALUES)]
        row = b"".join(b"\xff" * nullable for _, _, _, nullable, _, _ in VALUES)
        write_bacpac(self.path, columns, [row], 1)
        self.assertEqual(self.dumped(), [[None] * len(VALUES)])

    def test_time_layouts_are_told_apart(self):
        columns = [("a", "[time]", "False", {"Scale": 3}), ("b", "[int]", "False", {})]
        for clock in ((1001).to_bytes(4, "little"), (10_010_000).to_bytes(5, "little")):
            write_bacpac(self.path, columns, [(clock + b"\x07\0\0\0") * 2], 2)
            self.assertEqual(self.dumped(), [["00:00:01.001", "7"]] * 2)

    def test_a_scale_left_out_is_seven_or_zero(self):
        columns = [("a", "[datetime2]", "False", {}), ("b", "[int]", "False", {})]
        for clock in ((1).to_bytes(3, "little"), (10_000_000).to_bytes(5, "little")):
            write_bacpac(self.path, columns, [(clock + b"\0\0\0" + b"\x07\0\0\0") * 2], 2)
            self.assertEqual(self.dumped(), [["0001-01-01 00:00:01", "7"]] * 2)

    def test_prefix_of_clr_types_is_found(self):
        columns = [("a", "[sys].[geography]", "True", {}), ("b", "[int]", "False", {})]
        for size in (8, 2):
            write_bacpac(self.path, columns, [prefixed(size, b"12345") + b"\x07\0\0\0"], 1)
            self.assertEqual(self.dumped(), [["7"]])

    def test_damage(self):
        columns = [("a", "[int]", "False", {}), ("b", "[nvarchar]", "False", {"Length": 5})]
        whole = b"\x01\0\0\0" + prefixed(2, utf16("ab"))
        write_bacpac(self.path, columns, [whole[:-1]], 1)
        code, _, error = self.run_oracle("check")
        self.assertEqual(code, 2)
        self.assertIn("Data/dbo.T/TableData-000-00000.BCP: column b at byte 4: the part ends within", error)
        write_bacpac(self.path, columns, [whole], 2)
        self.assertEqual(self.run_oracle("check")[0], 1)
        write_bacpac(self.path, columns, [b"\x01\0\0\0\xff\xff"], 1)
        self.assertIn("NULL in a NOT NULL column", self.run_oracle("check")[2])
        write_bacpac(self.path, columns, [whole], 1, checksum="00" * 32)
        self.assertIn("checksum", self.run_oracle("check")[2])

    def test_floats(self):
        for value, text in (
            (0.0, "0"), (-0.0, "-0"), (1.5, "1.5"), (123456789012345.0, "123456789012345"), (1e15, "1e+15"),
            (1e-4, "0.0001"), (1.25e-5, "1.25e-05"), (1e300, "1e+300"), (float("inf"), "Infinity"),
            (float("nan"), "NaN"),
            # The shorter 5.684341886080801e-14 leads to the number below; 5.299064834871378e+16 lies on a bound.
            (2.0 ** -44, "5.684341886080802e-14"), (52990648348713776.0, "5.2990648348713776e+16"),
        ):
            self.assertEqual(oracle.double_text(struct.pack("<d", value)), text)
        for value, text in ((16777216.0, "1.6777216e+07"), (999999.0, "999999"), (1e6, "1e+06"), (0.1, "0.1")):
            self.assertEqual(oracle.real_text(struct.pack("<f", value)), text)


if __name__ == "__main__":
    unittest.main()
