#!/usr/bin/env python3
"""An independent reading of .bacpac files, to compare with what a migration left in PostgreSQL.

Shares nothing with the code it checks: its own language, its own reader of the model and of the BCP parts, its own
conversion of each value to the text that PostgreSQL prints for it. Standard library only.

    bacpac_oracle.py FILE check                            every part read to its last byte, totals, checksum
    bacpac_oracle.py FILE dump [--table SCHEMA.TABLE]      one line of JSON for each row, in the order of the file
    bacpac_oracle.py FILE compare --dsn DSN [--psql PATH]  the rows of each table as multisets, file against database

Exit code: 0 all agree; 1 something differs; 2 the file or the database could not be read.

Names are expected as they are in SQL Server. Computed columns are not in the file and are skipped. Columns of type
geometry, geography and sql_variant are stepped over, not compared, and reported.
"""

import argparse
import collections
import datetime
import decimal
import fractions
import hashlib
import itertools
import json
import math
import re
import struct
import subprocess
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree
import zipfile

NAMESPACE = "{http://schemas.microsoft.com/sqlserver/dac/Serialization/2012/02}"


class Unreadable(Exception):
    """The file is not what it should be; says where."""


class DatabaseRefused(Exception):
    """psql could not read a table."""


# --- the model -----------------------------------------------------------------------------------------------------

class Column:
    def __init__(self, name, type_name, nullable, length, is_max, precision, scale):
        self.name = name
        self.type = type_name
        self.nullable = nullable
        self.length = length
        self.is_max = is_max
        self.precision = precision
        self.scale = scale

    @property
    def compared(self):
        return self.type not in ("geometry", "geography", "sql_variant")


class Table:
    def __init__(self, schema, name, columns):
        self.schema = schema
        self.name = name
        self.columns = columns
        self.parts = []

    def __str__(self):
        return f"{self.schema}.{self.name}"


def split_name(text):
    """'[a].[b]]c]' -> ['a', 'b]c']"""
    return [part.replace("]]", "]") for part in re.findall(r"\[((?:[^\]]|\]\])*)\]", text)]


def properties(element):
    return {
        entry.get("Name"): entry.get("Value")
        for entry in element.findall(NAMESPACE + "Property")
        if entry.get("Value") is not None
    }


def entries(element, relationship):
    for candidate in element.findall(NAMESPACE + "Relationship"):
        if candidate.get("Name") == relationship:
            for entry in candidate.findall(NAMESPACE + "Entry"):
                yield from entry


def type_of(specifier, aliases):
    """(type name, properties) of a column's type specifier, aliases followed."""
    own = properties(specifier)
    target = next(entries(specifier, "Type"))
    name = target.get("Name")
    if target.get("ExternalSource") == "BuiltIns":
        base = split_name(name)[-1].lower()
        if base == "sysname":
            return "nvarchar", {"Length": "128"}
        return {"timestamp": "rowversion", "numeric": "decimal"}.get(base, base), own
    if name in aliases:
        return aliases[name]
    raise Unreadable(f"model.xml: type {name} is not defined")


def read_tables(model_xml):
    model = ElementTree.fromstring(model_xml).find(NAMESPACE + "Model")
    if model is None:
        raise Unreadable("model.xml: no Model element")
    aliases = {}
    for element in model.findall(NAMESPACE + "Element"):
        if element.get("Type") == "SqlUserDefinedDataType":
            aliases[element.get("Name")] = type_of(element, {})
    tables = []
    for element in model.findall(NAMESPACE + "Element"):
        if element.get("Type") != "SqlTable":
            continue
        schema, name = split_name(element.get("Name"))
        columns = []
        for item in entries(element, "Columns"):
            if item.get("Type") == "SqlComputedColumn":
                continue
            if item.get("Type") != "SqlSimpleColumn":
                raise Unreadable(f"model.xml: {item.get('Name')} is a {item.get('Type')}")
            type_name, facets = type_of(next(entries(item, "TypeSpecifier")), aliases)
            columns.append(
                Column(
                    name=split_name(item.get("Name"))[-1],
                    type_name=type_name,
                    nullable=properties(item).get("IsNullable", "True") == "True",
                    length=int(facets.get("Length", 1)),
                    is_max=facets.get("IsMax") == "True",
                    precision=int(facets.get("Precision", 18)),
                    scale=int(facets["Scale"]) if "Scale" in facets else 0 if type_name == "decimal" else None,
                )
            )
        tables.append(Table(schema, name, columns))
    return tables


# --- values as PostgreSQL prints them ------------------------------------------------------------------------------

DAY_US = 86_400_000_000
DAYS_TO_1900 = 693_595
LAST_DAY = 3_652_058


def date_text(days):
    """Days since 0001-01-01."""
    return datetime.date.fromordinal(days + 1).isoformat()


def time_text(microseconds):
    seconds, fraction = divmod(microseconds, 1_000_000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return text + (f".{fraction:06}".rstrip("0") if fraction else "")


def timestamp_text(days, microseconds):
    carry, microseconds = divmod(microseconds, DAY_US)
    return f"{date_text(days + carry)} {time_text(microseconds)}"


def decimal_text(unscaled, scale):
    digits = f"{abs(unscaled):0{scale + 1}}"
    sign = "-" if unscaled < 0 else ""
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else sign + digits


def shortest(value, low, high, first):
    """The decimal with the fewest digits, `first` at least, strictly between two bounds around `value`.

    Strictly, as in PostgreSQL: a number on the bound may be read back as the neighbour by another reader.
    """
    for count in range(first - 1, 18):
        nearest = decimal.Decimal(f"{value:.{count}e}")
        # Below a power of two the spacing halves: the nearest number of so many digits may miss where the next hits.
        step = decimal.Decimal(1).scaleb(nearest.adjusted() - count)
        for candidate in (nearest, nearest + step, nearest - step):
            if low < fractions.Fraction(candidate) < high:
                return candidate
    raise AssertionError("18 digits always lead back")


def float_text(value, before, after, first, fixed_below):
    """Exponents from -4 up to `fixed_below` are written out; `before` and `after` are the neighbours of `value`."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    sign = "-" if math.copysign(1, value) < 0 else ""
    if value == 0:
        return sign + "0"
    exact = fractions.Fraction(value)
    number = shortest(value, (exact + before) / 2, (exact + after) / 2, first)
    exponent = number.adjusted()
    figures = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    if not -4 <= exponent < fixed_below:
        rest = "." + figures[1:] if len(figures) > 1 else ""
        return f"{sign}{figures[0]}{rest}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{figures}"
    figures = figures.ljust(exponent + 1, "0")
    fraction = figures[exponent + 1:]
    return sign + figures[: exponent + 1] + ("." + fraction if fraction else "")


def neighbours(raw, form, exponent_limit):
    """The values on both sides of a finite float, as exact numbers; past the largest one the spacing goes on."""
    bits = int.from_bytes(raw, "little")
    sign_bit = 1 << (len(raw) * 8 - 1)
    magnitude = bits & ~sign_bit

    def at(some):
        return fractions.Fraction(struct.unpack(form, some.to_bytes(len(raw), "little"))[0])

    if magnitude == 0 or magnitude >= exponent_limit:
        return 0, 0
    here, inner = at(magnitude), at(magnitude - 1)
    outer = at(magnitude + 1) if magnitude + 1 < exponent_limit else here + (here - inner)
    return (-outer, -inner) if bits & sign_bit else (inner, outer)


def double_text(raw):
    value = struct.unpack("<d", raw)[0]
    # repr() allows numbers on the bound, so it may be too short, never too long.
    first = len(re.sub(r"e.*|[-.]", "", repr(value)).strip("0")) or 1
    return float_text(value, *neighbours(raw, "<d", 0x7FF << 52), first, 15)


def real_text(raw):
    return float_text(struct.unpack("<f", raw)[0], *neighbours(raw, "<f", 0xFF << 23), 1, 6)


def uuid_text(raw):
    a, b, c = struct.unpack_from("<IHH", raw)
    rest = raw[8:].hex()
    return f"{a:08x}-{b:04x}-{c:04x}-{rest[:4]}-{rest[4:]}"


# hierarchyid: prefix, smallest value, and the pattern of the bits after the prefix (v = value bit, f = last bit).
HIERARCHY_CODES = [
    ("01", 0, "vvf"),
    ("100", 4, "vvf"),
    ("101", 8, "vvvf"),
    ("110", 16, "vv0v1vvvf"),
    ("1110", 80, "vvv0vvv0v1vvvf"),
    ("11110", 1104, "vvvvv0vvv0v1vvvf"),
    ("111110", 5200, "v" * 19 + "0" + "v" * 6 + "0vvv0v1vvvf"),
    ("111111", 4294972496, "v" * 14 + "0" + "v" * 21 + "0" + "v" * 6 + "0vvv0v1vvvf"),
    ("00111", -8, "vvvf"),
    ("0010", -72, "vv0v1vvvf"),
    ("000110", -4168, "vvvvv0vvv0v1vvvf"),
    ("000101", -4294971464, "v" * 19 + "0" + "v" * 6 + "0vvv0v1vvvf"),
    ("000100", -281479271682120, "v" * 14 + "0" + "v" * 21 + "0" + "v" * 6 + "0vvv0v1vvvf"),
]


def hierarchyid_text(raw):
    bits = "".join(f"{byte:08b}" for byte in raw)
    path = "/"
    while "1" in bits or path.endswith("."):
        for prefix, lowest, pattern in HIERARCHY_CODES:
            if bits.startswith(prefix):
                break
        else:
            raise Unreadable("not a hierarchyid")
        code, bits = bits[len(prefix):len(prefix) + len(pattern)], bits[len(prefix) + len(pattern):]
        if len(code) < len(pattern) or any(p in "01" and p != c for p, c in zip(pattern, code)):
            raise Unreadable("not a hierarchyid")
        value = lowest + int("".join(c for p, c in zip(pattern, code) if p == "v"), 2)
        path += f"{value}/" if code[-1] == "1" else f"{value - 1}."
    return path


# --- the BCP parts -------------------------------------------------------------------------------------------------

def prefix_size(column, layout):
    """Bytes of the length before a value; 0 for none."""
    kind = column.type
    if kind in ("bit", "uniqueidentifier", "decimal"):
        return 1
    if kind in ("varchar", "nvarchar", "varbinary") and column.is_max or kind == "xml":
        return 8
    if kind in ("text", "ntext", "image"):
        return 4
    if kind in ("nchar", "varchar", "nvarchar", "binary", "varbinary", "rowversion"):
        return 2
    if kind == "char":
        return 2 if column.nullable else 0
    if kind in ("hierarchyid", "geometry", "geography"):
        return layout["clr_prefix"]
    if kind == "sql_variant":
        return layout["variant_prefix"]
    return 1 if column.nullable else 0


def time_scale(column, layout):
    """Digits of a second."""
    return layout["unstated_scale"] if column.scale is None else column.scale


def time_units(raw, scale, layout):
    """100 ns since midnight."""
    value = int.from_bytes(raw, "little")
    if layout["time"] == "five bytes of 100 ns":
        if value % 10 ** (7 - scale):
            raise Unreadable("a time with more digits than its scale")
    else:
        value *= 10 ** (7 - scale)
    if value >= DAY_US * 10:
        raise Unreadable("a time past midnight")
    return value


def to_microseconds(units, last_day):
    """Rounded to the nearest, but not past the end of the day if there is to be no day after it."""
    nearest = (units + 5) // 10
    return min(nearest, DAY_US - 1) if last_day else nearest


def day_and_microseconds(day, units):
    return day, to_microseconds(units, day == LAST_DAY)


def day_number(raw):
    day = int.from_bytes(raw, "little")
    if day > LAST_DAY:
        raise Unreadable("a date past the year 9999")
    return day


def fixed_size(column, layout):
    """Bytes of a value's body, or None if they vary."""
    sizes = {
        "tinyint": 1, "smallint": 2, "int": 4, "bigint": 8, "real": 4, "float": 8, "bit": 1, "uniqueidentifier": 16,
        "decimal": 19, "money": 8, "smallmoney": 4, "date": 3, "datetime": 8, "smalldatetime": 4, "rowversion": 8,
    }
    if column.type in ("time", "datetime2", "datetimeoffset"):
        clock = 5
        if layout["time"] == "bytes by scale":
            scale = time_scale(column, layout)
            clock = 3 if scale <= 2 else 4 if scale <= 4 else 5
        return clock + {"time": 0, "datetime2": 3, "datetimeoffset": 5}[column.type]
    if column.type == "char" and not column.nullable:
        return column.length * 2
    return sizes.get(column.type)


def decoder(column, layout):
    """A function from a value's body to its text."""
    kind = column.type
    if kind in ("tinyint", "smallint", "int", "bigint"):
        return lambda raw: str(int.from_bytes(raw, "little", signed=kind != "tinyint"))
    if kind == "bit":
        return lambda raw: {0: "false", 1: "true"}[raw[0]]
    if kind == "real":
        return real_text
    if kind == "float":
        return double_text
    if kind == "decimal":
        def exact(raw):
            precision, scale, sign = raw[0], raw[1], raw[2]
            if (precision, scale) != (column.precision, column.scale) or sign > 1:
                raise Unreadable(f"decimal({precision},{scale}) with sign {sign}")
            unscaled = int.from_bytes(raw[3:], "little")
            return decimal_text(unscaled if sign else -unscaled, scale)
        return exact
    if kind == "money":
        return lambda raw: decimal_text((struct.unpack("<iI", raw)[0] << 32) + struct.unpack("<iI", raw)[1], 4)
    if kind == "smallmoney":
        return lambda raw: decimal_text(int.from_bytes(raw, "little", signed=True), 4)
    if kind in ("char", "nchar"):
        return lambda raw: raw.decode("utf-16-le").ljust(column.length)
    if kind in ("varchar", "nvarchar", "text", "ntext", "xml"):
        return lambda raw: raw.decode("utf-16-le")
    if kind in ("binary", "varbinary", "image", "rowversion"):
        return lambda raw: "\\x" + raw.hex()
    if kind == "uniqueidentifier":
        return uuid_text
    if kind == "hierarchyid":
        return hierarchyid_text
    if kind == "date":
        return lambda raw: date_text(day_number(raw))
    if kind == "datetime":
        def old_datetime(raw):
            days, ticks = struct.unpack("<iI", raw)
            if ticks >= 86_400 * 300 or not -53_690 <= days <= LAST_DAY - DAYS_TO_1900:
                raise Unreadable("a datetime out of its range")
            return timestamp_text(days + DAYS_TO_1900, (ticks * 10 + 1) // 3 * 1000)
        return old_datetime
    if kind == "smalldatetime":
        def smalldatetime(raw):
            days, minutes = struct.unpack("<HH", raw)
            if minutes >= 1440:
                raise Unreadable("a smalldatetime past midnight")
            return timestamp_text(days + DAYS_TO_1900, minutes * 60_000_000)
        return smalldatetime
    if kind == "time":
        return lambda raw: time_text(to_microseconds(time_units(raw, time_scale(column, layout), layout), True))
    if kind == "datetime2":
        return lambda raw: timestamp_text(*day_and_microseconds(
            day_number(raw[-3:]), time_units(raw[:-3], time_scale(column, layout), layout)))
    if kind == "datetimeoffset":
        # Stored in UTC; the offset only says how it was written.
        return lambda raw: timestamp_text(*day_and_microseconds(
            day_number(raw[-5:-2]), time_units(raw[:-5], time_scale(column, layout), layout))) + "+00"
    if kind in ("geometry", "geography", "sql_variant"):
        return lambda raw: None
    raise Unreadable(f"column {column.name} has type {kind}, which this reader does not know")


def read_part(data, table, layout):
    """Yields (offset, [text or None]) for each row; ends at the last byte or raises."""
    plan = [
        (prefix_size(column, layout), fixed_size(column, layout), decoder(column, layout), column)
        for column in table.columns
    ]
    at = 0
    while at < len(data):
        start = at
        row = []
        for prefix, size, decode, column in plan:
            begin = at
            length = size
            if prefix:
                head = data[at:at + prefix]
                at += prefix
                length = int.from_bytes(head, "little")
                if head == b"\xff" * prefix:
                    if not column.nullable:
                        raise Unreadable(f"column {column.name} at byte {begin}: NULL in a NOT NULL column")
                    row.append(None)
                    continue
                if size is not None and length != size:
                    raise Unreadable(f"column {column.name} at byte {begin}: length {length}, not {size}")
            raw = data[at:at + length]
            at += length
            if at > len(data):
                raise Unreadable(f"column {column.name} at byte {begin}: the part ends within the value")
            try:
                row.append(decode(raw))
            except (Unreadable, ValueError, KeyError) as error:
                raise Unreadable(f"column {column.name} at byte {begin}: {error}") from None
        yield start, row


LAYOUTS = {
    "time": ["bytes by scale", "five bytes of 100 ns"],
    # The model may leave a scale out that is the default, or one that is zero.
    "unstated_scale": [7, 0],
    "clr_prefix": [8, 2],
    "variant_prefix": [4, 8, 2],
}


class Bacpac:
    def __init__(self, path):
        self.zip = zipfile.ZipFile(path)
        model_xml = self.zip.read("model.xml")
        origin = ElementTree.fromstring(self.zip.read("Origin.xml"))
        checksum = next(
            (item.text for item in origin.iter(NAMESPACE + "Checksum") if item.get("Uri") == "/model.xml"), None)
        if checksum is None or checksum.lower() != hashlib.sha256(model_xml).hexdigest():
            raise Unreadable("model.xml does not have the checksum that Origin.xml states")
        total = next(origin.iter(NAMESPACE + "TableRowCountTotalTag"), None)
        self.stated_total = None if total is None else int(total.text)
        self.tables = read_tables(model_xml)
        by_name = {str(table): table for table in self.tables}
        if len(by_name) != len(self.tables):
            raise Unreadable("two tables share one folder name")
        for name in sorted(self.zip.namelist()):
            match = re.fullmatch(r"Data/([^/]+)/TableData-[^/]*\.BCP", name, re.IGNORECASE)
            if match:
                folder = urllib.parse.unquote(match[1])
                if folder not in by_name:
                    raise Unreadable(f"{name}: no table {folder} in the model")
                by_name[folder].parts.append(name)
        self.layouts = {}

    def layout(self, table):
        """The one way to read the table's parts up to their last bytes."""
        if str(table) in self.layouts:
            return self.layouts[str(table)]
        scales = [c.scale for c in table.columns if c.type in ("time", "datetime2", "datetimeoffset")]
        in_doubt = {
            "time": any(scale != 7 for scale in scales),
            "unstated_scale": None in scales,
            "clr_prefix": any(c.type in ("hierarchyid", "geometry", "geography") for c in table.columns),
            "variant_prefix": any(c.type == "sql_variant" for c in table.columns),
        }
        choices = [[(key, value) for value in values[:None if in_doubt[key] else 1]]
                   for key, values in LAYOUTS.items()]
        candidates = [dict(choice) for choice in itertools.product(*choices)]
        fitting, failure = {}, None
        if len(candidates) == 1:
            fitting[None] = candidates[0]
        else:
            for candidate in candidates:
                digest = hashlib.sha256()
                try:
                    for _, _, row in self.read(table, candidate):
                        digest.update(json.dumps(row).encode())
                except Unreadable as error:
                    failure = failure or error
                else:
                    fitting.setdefault(digest.digest(), candidate)
        if not fitting:
            raise failure
        if len(fitting) > 1:
            raise Unreadable(f"{table}: the parts can be read in more than one way: {list(fitting.values())}")
        self.layouts[str(table)] = next(iter(fitting.values()))
        return self.layouts[str(table)]

    def read(self, table, layout):
        for part in table.parts:
            try:
                for offset, row in read_part(self.zip.read(part), table, layout):
                    yield part, offset, row
            except Unreadable as error:
                raise Unreadable(f"{part}: {error}") from None

    def rows(self, table):
        """Yields (part, offset, [text or None]) in the order of the file."""
        return self.read(table, self.layout(table))

    def find(self, name):
        for table in self.tables:
            if str(table) == name:
                return table
        raise Unreadable(f"no table {name} in the model")


# --- commands ------------------------------------------------------------------------------------------------------

def check(bacpac):
    total = 0
    for table in bacpac.tables:
        count = sum(1 for _ in bacpac.rows(table))
        size = sum(bacpac.zip.getinfo(part).file_size for part in table.parts)
        print(f"{table}: {count} rows, {len(table.parts)} parts, {size} bytes")
        total += count
    agrees = total == bacpac.stated_total
    print(f"total: {total} rows, Origin.xml states {bacpac.stated_total}: {'equal' if agrees else 'DIFFERENT'}")
    return 0 if agrees else 1


def dump(bacpac, only):
    for table in [bacpac.find(only)] if only else bacpac.tables:
        for part, offset, row in bacpac.rows(table):
            values = {c.name: value for c, value in zip(table.columns, row) if c.compared}
            print(json.dumps({"table": str(table), "part": part, "offset": offset, "values": values},
                             ensure_ascii=False))
    return 0


def identifier(name):
    return '"' + name.replace('"', '""') + '"'


def expression(column):
    name = identifier(column.name)
    if column.type in ("char", "nchar"):
        # A cast to text would cut the padding off.
        return f"case when {name} is null then null else format('%s', {name}) end"
    return f"{name}::text"


SETTINGS = """set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set bytea_output = 'hex';
set extra_float_digits = 1; set client_encoding = 'UTF8';"""


def stored_rows(psql, dsn, table):
    """Yields the rows of a table in the database as lists of text."""
    columns = ", ".join(expression(column) for column in table.columns if column.compared)
    # JSON has no control characters, so with these as quote and delimiter CSV adds nothing to it.
    query = (f"copy (select to_json(array[{columns}]::text[]) "
             f"from {identifier(table.schema)}.{identifier(table.name)}) "
             "to stdout with (format csv, quote e'\\x01', delimiter e'\\x02')")
    process = subprocess.Popen(
        [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-c", SETTINGS, "-c", query],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for line in process.stdout:
        yield json.loads(line)
    message = process.stderr.read().decode(errors="replace").strip()
    if process.wait():
        raise DatabaseRefused(f"psql: {message}")


def key_of(row):
    return hashlib.blake2b(json.dumps(row).encode(), digest_size=16).digest()


def compared_rows(bacpac, table):
    keep = [index for index, column in enumerate(table.columns) if column.compared]
    for part, offset, row in bacpac.rows(table):
        yield part, offset, [row[index] for index in keep]


def pick(rows, surplus, most):
    """The rows whose keys are in surplus, as often as it says, at most so many."""
    surplus = collections.Counter(surplus)
    picked = []
    for row in rows:
        key = key_of(row[-1])
        if surplus[key] > 0 and len(picked) < most:
            surplus[key] -= 1
            picked.append(row)
    return picked


def shorten(text):
    shown = json.dumps(text, ensure_ascii=False)
    return shown if len(shown) <= 160 else f"{shown[:140]}... ({len(shown)} characters)"


def compare_table(bacpac, table, psql, dsn, most):
    """Prints what differs; True if nothing does."""
    in_file, count = collections.Counter(), 0
    for _, _, row in compared_rows(bacpac, table):
        in_file[key_of(row)] += 1
        count += 1
    stored_count = 0
    balance = collections.Counter(in_file)
    try:
        for row in stored_rows(psql, dsn, table):
            balance[key_of(row)] -= 1
            stored_count += 1
    except DatabaseRefused as error:
        print(f"{table}: DIFFERENT: {count} rows in the file; {error}")
        return False
    skipped = [column.name for column in table.columns if not column.compared]
    note = f" (not compared: {', '.join(skipped)})" if skipped else ""
    if not any(balance.values()):
        print(f"{table}: {count} rows equal{note}")
        return True
    missing = collections.Counter({key: n for key, n in balance.items() if n > 0})
    extra = collections.Counter({key: -n for key, n in balance.items() if n < 0})
    print(f"{table}: DIFFERENT: {count} rows in the file, {stored_count} in the database, "
          f"{missing.total()} only in the file, {extra.total()} only in the database{note}")
    names = [column.name for column in table.columns if column.compared]
    only_file = pick(compared_rows(bacpac, table), missing, most)
    only_stored = [row for row, in pick(((row,) for row in stored_rows(psql, dsn, table)), extra, 1000)]
    for part, offset, row in only_file:
        print(f"  {part} byte {offset}:")
        alike = max(only_stored, key=lambda other: sum(a == b for a, b in zip(row, other)), default=None)
        if alike is None or not any(a == b for a, b in zip(row, alike)):
            print(f"    not in the database: {shorten(dict(zip(names, row)))}")
            continue
        only_stored.remove(alike)
        for name, wanted, found in zip(names, row, alike):
            if wanted != found:
                print(f"    column {name}: file {shorten(wanted)}, database {shorten(found)}")
    for row in only_stored[:most - len(only_file)]:
        print(f"  only in the database: {shorten(dict(zip(names, row)))}")
    return False


def compare(bacpac, psql, dsn, most, left_out):
    subprocess.run([psql, "-X", "-q", "-d", dsn, "-c", "select 1"], check=True, stdout=subprocess.DEVNULL)
    # A list, so that every table is looked at before the verdict.
    tables = [table for table in bacpac.tables if str(table) not in left_out]
    return 0 if all([compare_table(bacpac, table, psql, dsn, most) for table in tables]) else 1


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check")
    commands.add_parser("dump").add_argument("--table", metavar="SCHEMA.TABLE")
    comparing = commands.add_parser("compare")
    comparing.add_argument("--dsn", required=True)
    comparing.add_argument("--psql", default="psql", metavar="PATH")
    comparing.add_argument("--differences", type=int, default=5, metavar="N", help="how many to show of each table")
    comparing.add_argument("--except", dest="left_out", action="append", default=[], metavar="SCHEMA.TABLE")
    options = parser.parse_args(arguments)
    try:
        bacpac = Bacpac(options.file)
        if options.command == "check":
            return check(bacpac)
        if options.command == "dump":
            return dump(bacpac, options.table)
        return compare(bacpac, options.psql, options.dsn, options.differences, options.left_out)
    except subprocess.CalledProcessError:
        print("psql could not connect", file=sys.stderr)  # the exception would print the connection string
        return 2
    except (Unreadable, OSError, KeyError, zipfile.BadZipFile, ElementTree.ParseError) as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
