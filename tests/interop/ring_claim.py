"""Checks the proof of authorship in a name card, as `demur claim --out` writes one.

    ring_claim.py FILE

A second implementation, of docs/formats/ring-signature.md ("The claim") and of
docs/formats/memo.md section 3, which says what the scope and the context are. It prints
`ok`, or the check that refuses. The identity key's signature is not looked at.
"""

import base64
import sys

from ring_verify import check_claim


def main(path):
    with open(path, "rb") as file:
        text = file.read()
    fields = dict(line.split(b" ", 1) for line in text.splitlines()[1:])
    key, tag, proof = (base64.b64decode(fields[name]) for name in (b"ring-key", b"tag", b"claim"))
    scope = b" ".join([b"cosign", fields[b"channel"], fields[b"dissent"], fields[b"revision"]])
    context = text[: text.index(b"\nclaim ") + 1]
    result = check_claim(key, tag, scope, context, proof)
    print(result)
    return 0 if result == "ok" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
