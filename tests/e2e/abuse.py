"""Abuse a server over HTTP, in every way at once, until SIGTERM.

abuse.py HOST PORT CONNECTIONS PACE [TOKEN]

Keeps CONNECTIONS open, each of one kind below, and opens another whenever one is closed, at
most PACE a second; half of them know the TOKEN. Prints one JSON object at its end: how many
were opened, how many were open at most, how many answers of which status came, and
`let_through`, answers that nobody should have got.
"""
import collections, json, random, select, signal, socket, sys, time

host, port, connections, pace = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
token = sys.argv[5].encode() if len(sys.argv) > 5 else b"wrong"
rng = random.Random(1)
HOST = b"Host: x\r\n"
TOKEN = b"Authorization: Bearer " + token + b"\r\n"
# Must never be answered with 200: it stands where a body is, or a broken request.
HIDDEN = b"GET /checkpoint HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n"
POST = b"POST /append HTTP/1.1\r\n" + HOST + TOKEN
ZERO = b"0" * 64

# What is sent at once, and the byte that is sent again and again after it.
SLOW = [
    (b"", b""),                                                        # nothing at all
    (b"GET /checkpoint HTTP/1.1\r\n" + HOST + b"X: ", b"y"),           # a head without end
    (b"GET /check", b"k"),                                             # a line without end
    (b"\r\n", b"\n"),                                                  # not even a line
    (b"POST /append HTTP/1.1\r\n" + HOST + b"Content-Length: 60000\r\n\r\n", b"x"),
    (POST + b"Content-Length: 60000\r\n\r\ndemur", b"x"),              # a slow record
    (b"PUT /blob/" + ZERO + b" HTTP/1.1\r\n" + HOST + TOKEN + b"Content-Length: 67108864\r\n\r\n", b"x"),
    (b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n", b""),              # then idle
]
BROKEN = [
    POST + b"Content-Length: 40\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    POST + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n" + HIDDEN,
    POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + HIDDEN,
    POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + HIDDEN,
    POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + HIDDEN,
    POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    POST + b"Content-Length: +5\r\n\r\n" + HIDDEN,
    POST + b"Content-Length: 0x10\r\n\r\n" + HIDDEN,
    POST + b"Content-Length: 99999999999999999999999\r\n\r\n" + HIDDEN,
    POST + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN,       # a body, and no request
    POST + b"Content-Length\r\n\r\n" + HIDDEN,
    b"GET /checkpoint\0 HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n",
    b"GET /checkpoint%00 HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n",
    b"GET /healthz\0/../checkpoint HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n",
    b"GET http://elsewhere/checkpoint HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n",
    b"CONNECT elsewhere:443 HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n",
    b"PROPFIND /checkpoint HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n",
    b"get /checkpoint HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n",
    b"GET /checkpoint HTTP/9.9\r\n" + HOST + TOKEN + b"\r\n",
    b"GET /checkpoint\r\n\r\n",
    b"GET  /checkpoint  HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /checkpoint HTTP/1.1\r\n" + TOKEN + b"\r\n",                 # no host
    b"GET /checkpoint?a=b HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n",
    b"GET /checkpoint HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 200000 + b"\r\n" + TOKEN + b"\r\n",
    b"GET /checkpoint HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 40000 + TOKEN + b"\r\n",
    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),      # TLS where there is none
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100),
]
# Many at once, and the answers are read late or never.
PIPELINED = [
    (b"GET /api/board HTTP/1.1\r\n" + HOST + b"\r\n") * 2000,
    (b"GET /api/roster HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n") * 500,
    (POST + b"Content-Length: 5\r\n\r\nhello") * 500,
]
KINDS = 70 * ["slow"] + 25 * ["broken"] + 1 * ["garbage"] + 4 * ["pipelined"]


class Connection:
    def __init__(self):
        self.kind = rng.choice(KINDS)
        self.drip, self.answer = b"", b""
        self.reads = self.kind != "pipelined" or rng.random() < 0.5
        if self.kind == "slow":
            self.rest, self.drip = rng.choice(SLOW)
        elif self.kind == "broken":
            self.rest = rng.choice(BROKEN)
        elif self.kind == "pipelined":
            self.rest = rng.choice(PIPELINED)
        else:
            self.rest = rng.randbytes(rng.randrange(1, 5000))
        if rng.random() < 0.5:
            self.rest = self.rest.replace(token, b"wrong")
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex((host, port))


done = False


def stop(*_):
    global done
    done = True


signal.signal(signal.SIGTERM, stop)
poll, by_fd = select.epoll(), {}
statuses, opened, most, let_through = collections.Counter(), 0, 0, []
began = time.monotonic()
dripped = began


def judge(c):
    """A connection is over: count what came, and what should not have."""
    parts = c.answer.split(b"HTTP/1.1 ")[1:]
    for part in parts:
        statuses[part[:3].decode("latin-1")] += 1
        if part.startswith(b"200") and c.kind in ("broken", "garbage") and b"\r\n\r\nok\n" not in part:
            let_through.append(repr(c.start[:200]))


def end(c):
    by_fd.pop(c.socket.fileno(), None)
    c.socket.close()
    judge(c)


def send(c):
    try:
        while c.rest:
            c.rest = c.rest[c.socket.send(c.rest):]
    except BlockingIOError:
        pass


while not done:
    for _ in range(min(connections - len(by_fd), int(pace * (time.monotonic() - began)) - opened, 500)):
        c = Connection()
        c.start = c.rest
        by_fd[c.socket.fileno()] = c
        poll.register(c.socket, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
        opened += 1
    most = max(most, len(by_fd))
    for fd, events in poll.poll(0.05, 4096):
        c = by_fd.get(fd)
        if not c:
            continue
        try:
            if events & select.EPOLLOUT:
                send(c)
            if events & select.EPOLLIN and c.reads:
                while data := c.socket.recv(65536):
                    c.answer = (c.answer + data)[:200000]
                end(c)
            elif events & (select.EPOLLHUP | select.EPOLLERR):
                end(c)
        except BlockingIOError:
            pass
        except OSError:
            end(c)
    if time.monotonic() - dripped > 1:
        dripped = time.monotonic()
        for c in list(by_fd.values()):
            try:
                if c.drip and not c.rest:
                    c.socket.send(c.drip)
            except BlockingIOError:
                pass
            except OSError:
                end(c)
for c in list(by_fd.values()):
    end(c)
print(json.dumps({"opened": opened, "most": most, "answers": dict(statuses), "let_through": let_through[:5]}))
