"""Compare everything that was stored and answered in three runs, of which two differ in
nothing but chance and the third in who signed and filed: anonymity.py FIRST AGAIN OTHER (folders).

Each folder has the channel's directory `ch`, in `answers/` what the server answered and wrote into
its journal and what others were shown, and in `wire/` what the one who acts sent and got.
Texts are cut into words. A word tells who it was when it is the same in FIRST and AGAIN and
another in OTHER, or when its length is. So every word has to be the same in all three, or
different in FIRST and AGAIN: then it is chance, and as long in OTHER. What else may differ:
times, durations, and the slot, a number that is drawn.
"""
import pathlib, re, sqlite3, sys, time

WORD = re.compile(rb"[A-Za-z0-9+/=_]+|[^A-Za-z0-9+/=_]")
NOW = time.time()
MASKS = [
    (rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", b"TIME"),
    (rb"\d{4}-\d\d-\d\d \d\d:\d\d [+-]\d\d:\d\d", b"TIME"),
    (rb"[A-Z][a-z]{2} \d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d UTC", b"TIME"),
    (rb"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", b"TIME"),
    (rb"\b\d+ us\b", b"TIME"),
    (rb"(?m)^(demur_[a-z]+_seconds)(\S*) .*", rb"\1\2 TIME"),
    (rb"127\.0\.0\.1:\d+", b"ADDRESS"),
    (rb"\bslot \d+", b"slot N"),
    (rb'"slot":\d+', b'"slot":N'),
]


def readable(answer):
    """The hashes of a tile as words; durations, which are masked, in a text without its length."""
    head, gap, body = answer.partition(b"\r\n\r\n")
    if b"_seconds" in body:
        head = re.sub(rb"Content-Length: \d+", b"Content-Length: N", head)
    if b"octet-stream" not in head or body[2:5] == b"at ":
        return head + gap + body
    return head + gap + b" ".join(body[i:i + 32].hex().encode() for i in range(0, len(body), 32))


def masked(text):
    for pattern, by in MASKS:
        text = re.sub(pattern, by, text)
    return re.sub(rb"\b\d{10}\b", lambda m: b"TIME" if abs(int(m[0]) - NOW) < 2 * 86400 else m[0], text)


faults = []


def compare(where, first, again, other):
    texts = [WORD.findall(masked(t)) for t in (first, again, other)]
    if len({len(t) for t in texts}) > 1:
        faults.append(f"{where}: {[len(t) for t in texts]} words: {b''.join(texts[0])[:300]!r} {b''.join(texts[2])[:300]!r}")
        return
    for i, (a, b, c) in enumerate(zip(*texts)):
        context = b"".join(texts[0][max(0, i - 8):i])[-60:]
        if not a == b == c and (a == b or len({len(a), len(b), len(c)}) > 1 or len(a) < 8):
            faults.append(f"{where}: after {context!r}: {a[:70]!r} {b[:70]!r} {c[:70]!r}")


def shape(row):
    """What orders rows whose keys are hashes: all but their bytes, and the times."""
    return [
        (type(v).__name__, len(v), b"") if isinstance(v, bytes) and len(v) > 7 else
        ("time", 0, b"") if isinstance(v, int) and abs(v - NOW) < 2 * 86400 else
        (type(v).__name__, 0, str(v).encode())
        for v in row
    ]


def text_of(value):
    """An entry is text, and compared as such; all other bytes are one word."""
    if isinstance(value, bytes) and value.startswith(b"at "):
        return value
    return value.hex().encode() + b" " if isinstance(value, bytes) else str(value).encode() + b" "


def rows(folder, table):
    db = sqlite3.connect(f"file:{folder}/ch/log.db?mode=ro", uri=True)
    return db.execute(f'SELECT * FROM "{table}"').fetchall()


def tables(folder):
    db = sqlite3.connect(f"file:{folder}/ch/log.db?mode=ro", uri=True)
    return sorted(r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))


def message(stream):
    """A request or an answer: its head, its body, and what comes after it."""
    head, _, rest = stream.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
    n = int(length[1]) if length else 0
    return head, rest[:n], rest[n:]


def requests(path):
    """What went up a connection, each request with the head of its answer, bodies by their length.
    A record is compared as text."""
    sent, got, told = path.read_bytes(), path.with_suffix(".down").read_bytes(), []
    while sent:
        head, body, sent = message(sent)
        answer, come, got = message(got)
        told += [head, b"\r\n\r\n", body if b" /append " in head else b"%d bytes" % len(body)]
        told += [b"\r\n", answer, b" %d bytes\r\n" % len(come)]
    return b"".join(told) + b"%d bytes more\n" % len(got)


def names_of(part):
    """What there is in a part of each folder: the same in all."""
    names = [sorted(p.name for p in pathlib.Path(f, part).iterdir()) for f in folders]
    if not names[0] == names[1] == names[2]:
        faults.append(f"{part}: {names}")
    return sorted(set(names[0]) & set(names[1]) & set(names[2]))


folders = sys.argv[1:4]
assert tables(folders[0]) == tables(folders[2])
compared = 0
for table in tables(folders[0]):
    three = [rows(f, table) for f in folders]
    common = set(map(tuple, three[0])) & set(map(tuple, three[1])) & set(map(tuple, three[2]))
    three = [sorted((r for r in t if tuple(r) not in common), key=shape) for t in three]
    if len({len(t) for t in three}) > 1:
        faults.append(f"table {table}: {[len(t) for t in three]} rows")
        continue
    for abc in zip(*three):
        compare(f"table {table}", *(b"".join(map(text_of, r)) for r in abc))
        compared += 1
for name in names_of("answers"):
    compare(f"answer {name}", *(readable(pathlib.Path(f, "answers", name).read_bytes()) for f in folders))
    compared += 1
for name in names_of("wire"):
    if name.endswith(".up"):
        compare(f"wire {name}", *(requests(pathlib.Path(f, "wire", name)) for f in folders))
        compared += 1
for name in names_of("ch"):
    if name.startswith("log.db"):
        continue  # its tables are compared; how many pages they take hangs on random keys
    sizes = [pathlib.Path(f, "ch", name).stat().st_size for f in folders]
    if sizes[0] == sizes[1] != sizes[2]:
        faults.append(f"ch/{name}: {sizes} bytes")
    compared += 1
print("\n".join(faults[:20]))
print(f"{compared} compared, {len(faults)} tell who it was")
sys.exit(bool(faults) or compared < 30)
