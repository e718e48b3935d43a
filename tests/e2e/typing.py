"""Asks a shell at a terminal for completions: typing.py SHELL [ARG...] < CASES

A case is a line `NAME|KEYS|TEXT|TEXT...`: KEYS are typed, then tabs, until every TEXT has been on
the screen. Prints `ok NAME` or `FAIL NAME` and the screen. The shell's prompt is `> `."""
import fcntl, os, pty, select, struct, sys, termios, time

LIMIT_S = 30  # for one case, on a machine that is busy
BETWEEN_S = 1.0  # between two tabs: a second one lists what the first left open

pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 300, 0, 0))


def hear(texts, screen, limit_s):
    """Adds to the screen until it has all the texts, or the time is over."""
    end = time.monotonic() + limit_s
    while not all(text in screen for text in texts):
        ready, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
        if not ready:
            break
        try:
            screen += os.read(fd, 65536).decode(errors="replace").replace("\r", "").replace("\a", "")
        except OSError:
            break
    return screen


hear(["> "], "", LIMIT_S)
for n, case in enumerate(sys.stdin.read().splitlines()):
    name, keys, *texts = case.split("|")
    os.write(fd, keys.encode())
    screen = hear([keys[-3:]], "", 3)
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end and not all(text in screen for text in texts):
        os.write(fd, b"\t")
        screen = hear(texts, screen, BETWEEN_S)
    if all(text in screen for text in texts):
        print("ok " + name)
    else:
        print("FAIL " + name)
        print("\n".join("  " + line for line in screen.splitlines()))
    # Not Ctrl-C, at which the terminal forgets what was typed ahead: the next case, perhaps.
    os.write(fd, b"\x15echo do''ne-%d\n" % n)
    hear(["done-%d" % n], "", LIMIT_S)
os.close(fd)
