# What a volume holds, as one JSON document: every file with owner, mode and SHA-256; every SQLite database, whose file
# changes whenever it is opened, also row by row: table → primary key → column → hash. Argument: the folder.
import hashlib
import json
import os
import shutil
import sqlite3
import sys
import tempfile


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def octet_length(value):
    return None if value is None else len(value if isinstance(value, bytes) else str(value).encode())


def tables(path):
    """On a copy with its write-ahead log: looking changes nothing."""
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy")
        for suffix in ("", "-wal"):
            if os.path.exists(path + suffix):
                shutil.copyfile(path + suffix, copy + suffix)
        database = sqlite3.connect(copy)
        database.text_factory = bytes
        # OpenClaw's tables use it, and SQLite before 3.43 has none.
        database.create_function("octet_length", 1, octet_length, deterministic=True)
        found = {}
        for (name,) in database.execute("select name from sqlite_master where type = 'table' order by name").fetchall():
            table = name.decode()
            try:
                found[table] = rows_of(database, table)
            except sqlite3.DatabaseError:
                pass  # a virtual table of a module that is not here; the tables behind it are
        database.close()
        return found


def rows_of(database, table):
    """A table without a primary key has its rows by their whole content."""
    info = database.execute('pragma table_info("%s")' % table).fetchall()
    names = [column[1].decode() for column in info]
    key = [index for index, column in enumerate(info) if column[5] > 0]
    rows = {}
    for row in database.execute('select %s from "%s"' % (", ".join('"%s"' % name for name in names), table)):
        hashes = {name: digest(repr(value).encode()) for name, value in zip(names, row)}
        rows[digest(repr([row[index] for index in key] or row).encode())] = hashes
    return rows


def main(root):
    files, databases = {}, {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            key = os.path.relpath(path, root)
            if name.endswith(".sqlite"):
                databases[key] = tables(path)
            info = os.lstat(path)
            content = os.readlink(path).encode() if os.path.islink(path) else open(path, "rb").read()
            files[key] = "%o %d:%d %s" % (info.st_mode, info.st_uid, info.st_gid, digest(content))
    json.dump({"files": files, "databases": databases}, sys.stdout)


main(sys.argv[1])
