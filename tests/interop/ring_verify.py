"""An independent verifier, written from docs/formats/ring-signature.md alone.

    ring_verify.py FOLDER PAGE    check every vector file in vectors/ring, and that the
                                  page promises no check that none of them meets

Each check returns the name of what refuses, or "ok".
"""

import hashlib
import os
import re
import sys

from ring_group import (
    BASE,
    IDENTITY,
    ORDER,
    decode,
    encode_scalar,
    hash_to_group,
    multi_scalar,
    scalar,
    wide_scalar,
)

SHAPES = ((1024, 4, 5), (4096, 4, 6), (32768, 8, 5))


def be64(n):
    return n.to_bytes(8, "big")


def shape_for(members):
    for up_to, base, digits in SHAPES:
        if 1 <= members <= up_to:
            return base, digits
    return None


def signature_len(members):
    base, digits = shape_for(members)
    return 32 * (5 + 2 * digits + digits * (base - 1))


def generator(family, j=0, i=0):
    return hash_to_group(b"demur v1 generator " + family + bytes((j, i)))


def scope_point(scope):
    return hash_to_group(b"demur v1 scope" + scope)


def ring_digest(keys):
    return hashlib.sha256(b"demur v1 ring" + be64(len(keys)) + b"".join(keys)).digest()


def transcript(domain, items):
    data = b"".join(be64(len(item)) + item for item in (domain, *items))
    return hashlib.sha512(data).digest()


def digit(k, base, j):
    return k // base**j % base


def is_key(data):
    point = decode(data)
    return point is not None and point != IDENTITY


def check_ring(keys):
    if not 1 <= len(keys) <= 32768:
        return "size"
    for i, key in enumerate(keys):
        if i and keys[i - 1] >= key:
            return "order"
        if not is_key(key):
            return "key"
    return "ok"


def challenge_items(base, digits, keys, scope, tag, message, commitments):
    return [
        be64(base),
        be64(digits),
        be64(len(keys)),
        ring_digest(keys),
        scope,
        tag,
        message,
        *commitments,
    ]


def fields(data):
    return [data[i : i + 32] for i in range(0, len(data), 32)]


def check_signature(keys, scope, message, signature):
    refusal = check_ring(keys)
    if refusal != "ok":
        return refusal
    base, digits = shape_for(len(keys))
    if len(signature) != signature_len(len(keys)):
        return "length"
    parts = fields(signature)
    n_points = 3 + 2 * digits
    points = [decode(p) for p in parts[:n_points]]
    if any(p is None for p in points):
        return "point"
    if points[0] == IDENTITY:
        return "tag-identity"
    scalars = [scalar(s) for s in parts[n_points:]]
    if any(s is None for s in scalars):
        return "scalar"
    tag, a, b = points[:3]
    xs, ys = points[3 : 3 + digits], points[3 + digits :]
    z_a, z = scalars[-2:]
    items = challenge_items(base, digits, keys, scope, parts[0], message, parts[1:n_points])
    x = wide_scalar(transcript(b"demur v1 ring signature", items))
    if x == 0:
        return "challenge"
    f = []
    for j in range(digits):
        row = scalars[j * (base - 1) : (j + 1) * (base - 1)]
        f.append([(x - sum(row)) % ORDER] + row)

    weights, terms = [z_a, -1, -x], [generator(b"F"), a, b]
    for j in range(digits):
        for i in range(base):
            weights += [f[j][i], f[j][i] * (x - f[j][i])]
            terms += [generator(b"E", j, i), generator(b"D", j, i)]
    if multi_scalar(weights, terms) != IDENTITY:
        return "digits"

    coefficients, rest = [], pow(x, digits, ORDER)
    for k in range(len(keys) - 1):
        p = 1
        for j in range(digits):
            p = p * f[j][digit(k, base, j)] % ORDER
        coefficients.append(p)
        rest -= p
    powers = [-pow(x, t, ORDER) for t in range(digits)]
    weights = coefficients + [rest, *powers, -z]
    if multi_scalar(weights, [*map(decode, keys), *xs, BASE]) != IDENTITY:
        return "member"

    h = scope_point(scope)
    weights = [pow(x, digits, ORDER), *powers, -z]
    if h == IDENTITY or multi_scalar(weights, [tag, *ys, h]) != IDENTITY:
        return "tag"
    return "ok"


def check_possession(keys, context, proof):
    if not 1 <= len(keys) <= 16:
        return "size"
    if not all(map(is_key, keys)):
        return "key"
    if len(proof) != 64:
        return "length"
    commitment, z = decode(proof[:32]), scalar(proof[32:])
    if commitment is None:
        return "point"
    if z is None:
        return "scalar"
    items = [be64(len(keys)), b"".join(keys), context, proof[:32]]
    c = wide_scalar(transcript(b"demur v1 possession", items))
    right = commitment
    for i, key in enumerate(keys):
        right = right + pow(c, i + 1, ORDER) * decode(key)
    return "ok" if z * BASE == right else "possession"


def check_claim(key, tag, scope, context, proof):
    if not is_key(key) or not is_key(tag):
        return "key"
    if len(proof) != 64:
        return "length"
    c, z = scalar(proof[:32]), scalar(proof[32:])
    if c is None or z is None:
        return "scalar"
    h = scope_point(scope)
    r1 = z * BASE - c * decode(key)
    r2 = z * h - c * decode(tag)
    items = [key, scope, tag, context, r1.encode(), r2.encode()]
    again = transcript(b"demur v1 claim", items)
    return "ok" if h != IDENTITY and encode_scalar(wide_scalar(again)) == proof[:32] else "claim"


def read_cases(path):
    """Blocks of `name value` lines; a value may be absent, a name repeated."""
    with open(path, encoding="utf-8") as file:
        blocks = file.read().split("\n\n")
    for block in blocks:
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        case = {}
        for line in lines:
            name, _, value = line.partition(" ")
            case.setdefault(name, []).append(value)
        if case:
            yield case


def get(case, name):
    return bytes.fromhex(case[name][0])


def vector_secret(i):
    return wide_scalar(hashlib.sha512(b"demur v1 vector member" + be64(i)).digest())


BASE_MULTIPLES = []  # [w][d] = d * 16^w * BASE, filled on first use


def base_times(s):
    if not BASE_MULTIPLES:
        step = BASE
        for _ in range(64):
            row = [IDENTITY]
            for _ in range(15):
                row.append(row[-1] + step)
            BASE_MULTIPLES.append(row)
            step = row[-1] + step
    total = IDENTITY
    for w in range(64):
        total = total + BASE_MULTIPLES[w][s >> 4 * w & 15]
    return total


def vector_ring(members, known={}):
    """The sorted keys of the made-up members 0 to members - 1."""
    for i in range(len(known), members):
        known[i] = base_times(vector_secret(i)).encode()
    return sorted(known[i] for i in range(members))


def case_ring(case):
    if "members" in case:
        return vector_ring(int(case["members"][0]))
    if "numbers" in case:
        return [n.to_bytes(32, "big") for n in range(1, int(case["numbers"][0]) + 1)]
    return [bytes.fromhex(k) for k in case.get("key", [])]


def run_case(kind, case):
    keys = case_ring(case)
    if kind == "points":
        if "scope" in case:
            point = scope_point(get(case, "scope"))
        else:
            family, j, i = case["generator"][0].split()
            point = generator(family.encode(), int(j), int(i))
        return "ok" if point.encode() == get(case, "point") else "differs"
    if kind == "rfc9496":
        if "bad" in case:
            return "ok" if decode(get(case, "bad")) is None else "decodes"
        if "text" in case:
            point = hash_to_group(get(case, "text"))
        else:
            point = int(case["multiple"][0]) * BASE
        return "ok" if point.encode() == get(case, "point") else "differs"
    if kind == "rings":
        result = check_ring(keys)
        if result == "ok" and ring_digest(keys) != get(case, "digest"):
            return "digest"
        return result
    if kind == "signatures":
        return check_signature(keys, get(case, "scope"), get(case, "message"), get(case, "signature"))
    if kind == "possessions":
        return check_possession(keys, get(case, "context"), get(case, "proof"))
    if kind == "claims":
        return check_claim(
            keys[0], get(case, "tag"), get(case, "scope"), get(case, "context"), get(case, "proof")
        )
    raise ValueError(f"no such kind of vector: {kind}")


KINDS = ("rfc9496", "points", "rings", "signatures", "possessions", "claims")


def promised(page):
    """What the page's table of the vectors says that each file refuses."""
    checks = {}
    with open(page, encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.split("|")]
            name = re.fullmatch(r"`(\w+)\.txt`", cells[1]) if len(cells) == 5 else None
            if name:
                checks[name[1]] = set(re.findall(r"`([a-z-]+)`", cells[3]))
    return checks


def check_all_was_run(folder, page, met):
    """Neither a file nor a check of the page goes without a case."""
    checks = promised(page)
    yield "every file is run", sorted(os.listdir(folder)) == sorted(kind + ".txt" for kind in KINDS)
    yield "every file is on the page", sorted(checks) == sorted(KINDS)
    for kind in KINDS:
        yield f"every check of {kind} has its negative", met[kind] - {"ok"} == checks.get(kind)


def main(folder, page):
    failed, met = 0, {kind: set() for kind in KINDS}
    for kind in KINDS:
        for case in read_cases(os.path.join(folder, kind + ".txt")):
            got, want = run_case(kind, case), case.get("expect", ["ok"])[0]
            failed += got != want
            met[kind].add(want)
            print("ok" if got == want else f"FAIL (got {got}, want {want})", kind, case["case"][0])
    for name, good in check_all_was_run(folder, page, met):
        failed += not good
        print("ok" if good else "FAIL", name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
