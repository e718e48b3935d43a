"""Writes vectors/ring: valid proofs, and one negative for every check.

    ring_vectors.py FOLDER

A prover of its own makes them, so that the C prover can be held against it
byte by byte. It forges where a negative must pass every check but one.
"""

import hashlib
import os
import sys

from ring_group import BASE, IDENTITY, ORDER, P, encode_scalar, multi_scalar, wide_scalar
from ring_group import decode
from ring_verify import (
    be64,
    challenge_items,
    digit,
    generator,
    ring_digest,
    scope_point,
    shape_for,
    transcript,
    vector_ring,
    vector_secret,
)

SCOPE = b"cosign 5f2c 0a1b 1"
MESSAGE = b"a message of the vectors\n"


def entropy(name):
    return hashlib.sha512(b"demur v1 vector entropy" + name.encode()).digest()


class Nonces:
    def __init__(self, domain, items, zero=()):
        self.seed, self.drawn, self.zero = transcript(domain, items), 0, zero

    def draw(self):
        counter, self.drawn = self.drawn, self.drawn + 1
        return 0 if counter in self.zero else wide_scalar(transcript(b"demur v1 nonce", [self.seed, be64(counter)]))


def times(polynomial, slope, constant):
    out = [0] * (len(polynomial) + 1)
    for t, c in enumerate(polynomial):
        out[t] = (out[t] + c * constant) % ORDER
        out[t + 1] = (out[t + 1] + c * slope) % ORDER
    return out


def sign(name, keys, secret, member, scope=SCOPE, message=MESSAGE, sigma=None, tag=None, omit=None, zero=()):
    """`member` is the position proven; sigma, tag, omit (the index of a
    transcript item left out) forge; zero are the nonces that are 0."""
    base, digits = shape_for(len(keys))
    h = scope_point(scope)
    nonces = Nonces(
        b"demur v1 ring signature nonces",
        [encode_scalar(secret), ring_digest(keys), scope, message, entropy(name)],
        zero,
    )
    if sigma is None:
        sigma = [[int(digit(member, base, j) == i) for i in range(base)] for j in range(digits)]
    a = []
    for _ in range(digits):
        row = [nonces.draw() for _ in range(base - 1)]
        a.append([-sum(row) % ORDER] + row)
    r_a, r_b = nonces.draw(), nonces.draw()
    rho = [nonces.draw() for _ in range(digits)]

    big_a, big_b, terms = [r_a], [r_b], [generator(b"F")]
    for j in range(digits):
        for i in range(base):
            big_a += [a[j][i], -a[j][i] ** 2]
            big_b += [sigma[j][i], a[j][i] * (1 - 2 * sigma[j][i])]
            terms += [generator(b"E", j, i), generator(b"D", j, i)]

    coefficients = [[0] * (digits + 1) for _ in keys]
    for k in range(base**digits):
        polynomial = [1]
        for j in range(digits):
            i = digit(k, base, j)
            polynomial = times(polynomial, sigma[j][i], a[j][i])
        row = coefficients[min(k, len(keys) - 1)]
        for t, c in enumerate(polynomial):
            row[t] = (row[t] + c) % ORDER

    points = list(map(decode, keys))
    xs = [
        multi_scalar([row[t] for row in coefficients], points) + rho[t] * BASE
        for t in range(digits)
    ]
    ys = [rho[t] * h for t in range(digits)]
    tag = secret * h if tag is None else tag
    parts = [p.encode() for p in (tag, multi_scalar(big_a, terms), multi_scalar(big_b, terms))]
    parts += [p.encode() for p in xs + ys]

    items = challenge_items(base, digits, keys, scope, parts[0], message, parts[1:])
    if omit is not None:
        del items[omit]
    x = wide_scalar(transcript(b"demur v1 ring signature", items))
    f = [sigma[j][i] * x + a[j][i] for j in range(digits) for i in range(1, base)]
    z = secret * pow(x, digits, ORDER) - sum(r * pow(x, t, ORDER) for t, r in enumerate(rho))
    return b"".join(parts + [encode_scalar(s) for s in [*f, r_a + x * r_b, z]])


def prove_possession(name, secrets, keys, context):
    nonces = Nonces(
        b"demur v1 possession nonce",
        [b"".join(map(encode_scalar, secrets)), context, entropy(name)],
    )
    k = nonces.draw()
    commitment = (k * BASE).encode()
    items = [be64(len(keys)), b"".join(keys), context, commitment]
    c = wide_scalar(transcript(b"demur v1 possession", items))
    z = k + sum(pow(c, i + 1, ORDER) * s for i, s in enumerate(secrets))
    return commitment + encode_scalar(z)


def prove_claim(name, secret, scope, context, tag=None, key=None):
    nonces = Nonces(
        b"demur v1 claim nonce", [encode_scalar(secret), scope, context, entropy(name)]
    )
    k, h = nonces.draw(), scope_point(scope)
    key = (secret * BASE).encode() if key is None else key
    tag = (secret * h).encode() if tag is None else tag
    items = [key, scope, tag, context, (k * BASE).encode(), (k * h).encode()]
    c = wide_scalar(transcript(b"demur v1 claim", items))
    return encode_scalar(c) + encode_scalar(k + c * secret)


def show(value):
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


class File:
    def __init__(self, folder, kind, about):
        self.file = open(os.path.join(folder, kind + ".txt"), "w", encoding="utf-8")
        self.file.write("".join(f"# {line}\n" for line in about.splitlines()))

    def case(self, case, expect="ok", **values):
        self.file.write(f"\ncase {case}\nexpect {expect}\n")
        for name, value in values.items():
            for one in value if isinstance(value, list) else [value]:
                self.file.write(f"{name} {show(one)}\n")


def write_points(folder):
    out = File(folder, "points", "Generators by family, digit and value; points of scopes.")
    for family, j, i in (("F", 0, 0), ("E", 0, 0), ("E", 0, 1), ("E", 5, 3), ("D", 0, 0), ("D", 4, 7)):
        point = generator(family.encode(), j, i).encode()
        out.case(f"generator-{family}-{j}-{i}", generator=f"{family} {j} {i}", point=point)
    for name, scope in (("empty", b""), ("cosign", SCOPE), ("zero-byte", b"\0"), ("long", b"s" * 300)):
        out.case(f"scope-{name}", scope=scope, point=scope_point(scope).encode())


# RFC 9496 appendix A.2
NOT_SQUARE = bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371")
NOT_A_POINT = {
    "negative": lambda key: (P - int.from_bytes(key, "little")).to_bytes(32, "little"),
    "high-bit": lambda key: key[:31] + bytes([key[31] | 0x80]),
    "not-square": lambda key: NOT_SQUARE,
    "above-field": lambda key: (P + 4).to_bytes(32, "little"),  # 4 is a point
}


def write_rings(folder):
    out = File(folder, "rings", "Ring keys as they stand in the ring, and its digest.")
    keys = vector_ring(6)
    for n in (1, 2, 6):
        out.case(f"members-{n}", key=vector_ring(n), digest=ring_digest(vector_ring(n)))
    out.case("empty", "size")
    out.case("too-many", "size", numbers=32769)
    out.case("swapped", "order", key=keys[:2] + [keys[3], keys[2]] + keys[4:])
    out.case("repeated", "order", key=keys[:3] + keys[2:])
    out.case("identity", "key", key=[bytes(32)] + keys)
    for name, spoil in NOT_A_POINT.items():
        out.case(name, "key", key=sorted(keys[:5] + [spoil(keys[5])]))


def put(signature, index, field):
    return signature[: 32 * index] + field + signature[32 * index + 32 :]


def plus_order(field):
    return (int.from_bytes(field, "little") + ORDER).to_bytes(32, "little")


def place(keys, i):
    return keys.index((vector_secret(i) * BASE).encode())


def write_valid_signatures(out):
    for members, signer in ((1, 0), (2, 0), (2, 1), (5, 3), (16, 7), (17, 16), (64, 20), (257, 255)):
        name = f"valid-{members}-{signer}"
        keys = vector_ring(members)
        signature = sign(name, keys, vector_secret(signer), place(keys, signer))
        out.case(name, members=members, signer=signer, scope=SCOPE, message=MESSAGE,
                 entropy=entropy(name), signature=signature)
    # Whoever gives the secret away by nonces of 0 has A, each X and each Y the identity.
    keys, nonces = vector_ring(6), set(range(5 * 3 + 2 + 5)) - {5 * 3 + 1}
    signature = sign("identities", keys, vector_secret(2), place(keys, 2), zero=nonces)
    points = [signature[i : i + 32] for i in range(0, 32 * 13, 32)]
    assert points.count(bytes(32)) == 1 + 5 + 5
    out.case("valid-identities", members=6, scope=SCOPE, message=MESSAGE, signature=signature)
    for members, signer in ((1025, 1000), (4097, 77)):
        name = f"valid-{members}-{signer}"
        keys = vector_ring(members)
        signature = sign(name, keys, vector_secret(signer), place(keys, signer), b"", b"")
        out.case(name, members=members, signer=signer, scope=b"", message=b"",
                 entropy=entropy(name), signature=signature)


def write_mutated_signatures(out, keys, good):
    def refuse(name, expect, signature=good, scope=SCOPE, message=MESSAGE, members=len(keys)):
        out.case(name, expect, members=members, scope=scope, message=message, signature=signature)

    field = lambda i: good[32 * i : 32 * i + 32]
    base, digits = shape_for(len(keys))
    points = ["tag", "a", "b"]
    points += [f"x{t}" for t in range(digits)] + [f"y{t}" for t in range(digits)]
    scalars = [f"f{j}-{i}" for j in range(digits) for i in range(1, base)] + ["za", "z"]
    refuse("empty", "length", b"")
    refuse("short", "length", good[:-1])
    refuse("long", "length", good + b"\0")
    refuse("of-the-next-row", "length", good + bytes(1120 - 960))
    refuse("tag-identity", "tag-identity", put(good, 0, bytes(32)))
    for i, name in enumerate(points):
        refuse(f"{name}-negative", "point", put(good, i, NOT_A_POINT["negative"](field(i))))
    for name in ("high-bit", "not-square", "above-field"):
        refuse(f"a-{name}", "point", put(good, 1, NOT_A_POINT[name](field(1))))
    for i, name in enumerate(scalars, len(points)):
        refuse(f"{name}-plus-order", "scalar", put(good, i, plus_order(field(i))))
    refuse("za-is-order", "scalar", put(good, len(good) // 32 - 2, plus_order(bytes(32))))
    refuse("x0-y0-swapped", "digits", put(put(good, 3, field(3 + digits)), 3 + digits, field(3)))
    refuse("other-scope", "digits", scope=SCOPE + b"0")
    refuse("other-message", "digits", message=MESSAGE[:-1])
    refuse("shifted-scope", "digits", scope=SCOPE + MESSAGE[:1], message=MESSAGE[1:])
    refuse("one-member-more", "digits", members=len(keys) + 1)
    refuse("one-member-less", "digits", members=len(keys) - 1)
    z_a, z = (int.from_bytes(field(i), "little") for i in (-2 + len(good) // 32, -1 + len(good) // 32))
    refuse("za-plus-one", "digits", put(good, len(good) // 32 - 2, encode_scalar(z_a + 1)))
    refuse("z-plus-one", "member", put(good, len(good) // 32 - 1, encode_scalar(z + 1)))


def write_forged_signatures(out, keys):
    at, secret = place(keys, 3), vector_secret(3)

    def refuse(name, expect, member=at, by=secret, **how):
        out.case(name, expect, members=len(keys), scope=SCOPE, message=MESSAGE,
                 signature=sign(name, keys, by, member, **how))

    refuse("not-a-member", "member", by=vector_secret(900))
    refuse("another-members-place", "member", member=(at + 1) % len(keys))
    h = scope_point(SCOPE)
    refuse("another-members-tag", "tag", tag=vector_secret(4) * h)
    refuse("tag-of-another-scope", "tag", tag=secret * scope_point(SCOPE + b"0"))
    # Two members together would have tags without number, if digits could be fractions.
    base, digits = shape_for(len(keys))
    half = pow(2, ORDER - 2, ORDER)
    sigma = [[half, half] + [0] * (base - 2)] + [[1] + [0] * (base - 1)] * (digits - 1)
    owner = {(vector_secret(i) * BASE).encode(): i for i in range(len(keys))}
    blend = half * sum(vector_secret(owner[key]) for key in keys[:2]) % ORDER
    refuse("two-members-blended", "digits", by=blend, sigma=sigma)
    omitted = ["base", "digits", "members", "ring", "scope", "tag", "message", "a", "b"]
    omitted += [f"x{t}" for t in range(digits)] + [f"y{t}" for t in range(digits)]
    for i, name in enumerate(omitted):
        refuse(f"{name}-not-in-transcript", "digits", omit=i)


def write_signatures(folder):
    out = File(folder, "signatures", "A ring of the made-up members 0 to members - 1; `signer` is one of them.")
    write_valid_signatures(out)
    keys = vector_ring(6)
    good = sign("mutated", keys, vector_secret(2), place(keys, 2))
    write_mutated_signatures(out, keys, good)
    write_forged_signatures(out, keys)


def write_possessions(folder):
    out = File(folder, "possessions", "Proofs of possession; key i is the made-up member i's.")
    context = b"member 17 of the vectors"
    key = lambda i: (vector_secret(i) * BASE).encode()
    secrets, keys = [vector_secret(i) for i in range(17)], [key(i) for i in range(17)]
    for n in (1, 2, 13, 16):
        name = f"valid-{n}"
        out.case(name, key=keys[:n], context=context, entropy=entropy(name),
                 proof=prove_possession(name, secrets[:n], keys[:n], context))
    good = prove_possession("mutated", secrets[:3], keys[:3], context)

    def refuse(name, expect, keys=keys[:3], context=context, proof=good):
        out.case(name, expect, key=keys, context=context, proof=proof)

    refuse("no-keys", "size", keys=[])
    refuse("too-many-keys", "size", keys, proof=prove_possession("many", secrets, keys, context))
    zero = prove_possession("zero", [0, *secrets[:2]], [bytes(32), *keys[:2]], context)
    refuse("identity", "key", [bytes(32), *keys[:2]], proof=zero)
    for name, spoil in NOT_A_POINT.items():
        refuse(f"key-{name}", "key", keys[:2] + [spoil(keys[2])])
        refuse(f"commitment-{name}", "point", proof=put(good, 0, spoil(good[:32])))
    refuse("z-plus-order", "scalar", proof=put(good, 1, plus_order(good[32:])))
    z = int.from_bytes(good[32:], "little")
    refuse("z-plus-one", "possession", proof=put(good, 1, encode_scalar(z + 1)))
    refuse("other-context", "possession", context=context[:-1])
    refuse("keys-swapped", "possession", [keys[1], keys[0], keys[2]])
    refuse("key-missing", "possession", keys[:2])
    refuse("key-not-held", "possession",
           proof=prove_possession("not-held", [*secrets[:2], secrets[5]], keys[:3], context))
    # A key made from the others' would pass if the keys were only added up.
    rogue = (secrets[4] * BASE - decode(keys[0])).encode()
    refuse("rogue-key", "possession", [keys[0], rogue],
           proof=prove_possession("rogue", [secrets[4], 0], [keys[0], rogue], context))


def write_claims(folder):
    out = File(folder, "claims", "Proofs of authorship by the made-up member `signer`.")
    context, secret = b"a name card of the vectors", vector_secret(3)
    key, h = (secret * BASE).encode(), scope_point(SCOPE)
    tag = (secret * h).encode()
    for name, scope, text in (("valid", SCOPE, context), ("valid-empty", b"", b"")):
        out.case(name, signer=3, key=key, tag=(secret * scope_point(scope)).encode(), scope=scope,
                 context=text, entropy=entropy(name), proof=prove_claim(name, secret, scope, text))
    good = prove_claim("mutated", secret, SCOPE, context)

    def refuse(name, expect, key=key, tag=tag, scope=SCOPE, context=context, proof=good):
        out.case(name, expect, key=key, tag=tag, scope=scope, context=context, proof=proof)

    for name, spoil in NOT_A_POINT.items():
        refuse(f"key-{name}", "key", key=spoil(key))
        refuse(f"tag-{name}", "key", tag=spoil(tag))
    zero = prove_claim("zero", 0, SCOPE, context)
    refuse("identities", "key", key=bytes(32), tag=bytes(32), proof=zero)
    refuse("key-identity", "key", key=bytes(32))
    refuse("tag-identity", "key", tag=bytes(32))
    refuse("c-plus-order", "scalar", proof=plus_order(good[:32]) + good[32:])
    refuse("z-plus-order", "scalar", proof=good[:32] + plus_order(good[32:]))
    c, z = (int.from_bytes(good[i : i + 32], "little") for i in (0, 32))
    refuse("c-plus-one", "claim", proof=encode_scalar(c + 1) + good[32:])
    refuse("z-plus-one", "claim", proof=good[:32] + encode_scalar(z + 1))
    refuse("other-scope", "claim", scope=SCOPE + b"0")
    refuse("other-context", "claim", context=context[:-1])
    other = (vector_secret(4) * BASE).encode()
    refuse("another-members-key", "claim", key=other, proof=prove_claim("key", secret, SCOPE, context, key=other))
    theirs = (vector_secret(4) * h).encode()
    refuse("another-members-tag", "claim", tag=theirs,
           proof=prove_claim("tag", secret, SCOPE, context, tag=theirs))


def main(folder):
    os.makedirs(folder, exist_ok=True)
    write_points(folder)
    write_rings(folder)
    write_signatures(folder)
    write_possessions(folder)
    write_claims(folder)


if __name__ == "__main__":
    main(sys.argv[1])
