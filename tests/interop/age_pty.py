"""Run a command on a terminal of its own and answer each passphrase prompt:
age_pty.py PASSPHRASE COMMAND... ; exits with the command's status."""

import os
import pty
import select
import sys

passphrase, command = sys.argv[1], sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
shown, answered = b"", 0
while True:
    if not select.select([terminal], [], [], 60)[0]:
        sys.stderr.write(f"no prompt within 60 s; so far: {shown!r}\n")
        sys.exit(3)  # not 1, which is how age refuses
    try:
        piece = os.read(terminal, 4096)
    except OSError:  # Linux says EIO once the other side is closed
        break
    if not piece:
        break
    shown += piece
    prompts = shown.count(b"assphrase")
    if prompts > answered and shown.rstrip().endswith(b":"):
        answered = prompts
        os.write(terminal, passphrase.encode() + b"\n")
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
if status:
    sys.stderr.write(shown.decode(errors="replace"))
sys.exit(status)
