"""Search files for planted secrets in every usual writing: secrets.py SECRETS PATH...

SECRETS has a line for each: NAME, a tab, `text` or `hex`, a tab, the value. Prints where one
was found, and ends with 1 then. --plant DIR writes each writing of each into DIR instead, one
file a writing, for trying the search itself.
"""
import base64, os, sys, urllib.parse

BECH = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def bech32_data(value):
    """The part of a bech32 text that the value's bytes make, without its checksum."""
    n = int.from_bytes(value, "big") << (-8 * len(value)) % 5
    digits = (8 * len(value) + 4) // 5
    return "".join(BECH[n >> 5 * i & 31] for i in reversed(range(digits)))


def shifted(encode, value, group, bits):
    """As it stands in the encoding of something longer: whatever of it its own bytes decide."""
    for before in range(group):
        text = encode(bytes(before) + value)
        first, last = -(-8 * before // bits), 8 * (before + len(value)) // bits
        yield text[first:last]


def writings(kind, value):
    raw = value.encode() if kind == "text" else bytes.fromhex(value)
    yield "raw", raw
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    for i, t in enumerate(shifted(base64.b64encode, raw, 3, 6)):
        yield f"base64-{i}", t
    for i, t in enumerate(shifted(base64.urlsafe_b64encode, raw, 3, 6)):
        yield f"base64url-{i}", t
    for i, t in enumerate(shifted(base64.b32encode, raw, 5, 5)):
        yield f"base32-{i}", t
        yield f"base32-lower-{i}", t.lower()
    yield "bech32", bech32_data(raw)[:-1].encode()
    yield "BECH32", bech32_data(raw)[:-1].upper().encode()
    if kind == "text":
        yield "utf-16", value.encode("utf-16-le")
        yield "url", urllib.parse.quote(value, safe="").encode()
        yield "no dashes", value.replace("-", " ").encode()
        yield "json", value.encode("ascii", "backslashreplace")
    else:
        yield "reversed", raw[::-1]


def secrets(path):
    for line in open(path):
        name, kind, value = line.rstrip("\n").split("\t")
        for how, what in writings(kind, value):
            assert len(what) >= 8, (name, how)
            yield name, how, what


def files(paths):
    for path in paths:
        if os.path.isfile(path):
            yield path
        for folder, _, names in os.walk(path):
            yield from (os.path.join(folder, n) for n in names)


if sys.argv[2] == "--plant":
    for i, (name, how, what) in enumerate(secrets(sys.argv[1])):
        open(f"{sys.argv[3]}/{i:05}", "wb").write(b"something before" + what + b"and after")
    sys.exit(0)
found = 0
wanted = list(secrets(sys.argv[1]))
for path in files(sys.argv[2:]):
    content = open(path, "rb").read()
    for name, how, what in wanted:
        if what in content:
            print(f"{path}: {name}, {how}")
            found += 1
            break
print(f"{found} files")
sys.exit(found > 0)
