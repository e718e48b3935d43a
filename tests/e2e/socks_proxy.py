"""A SOCKS5 proxy (RFC 1928) for tests/e2e/proxy: socks_proxy.py LOG MODE NAME=HOST:PORT...

It knows the given names only, and takes no numeric address: whoever looked a name up
himself gets nowhere. A line of LOG for each connection: `name N:PORT UP DOWN`, the bytes
that went each way, once it is over; `numeric ADDRESS`, `unknown NAME`, or `rubbish`.
MODE is `pass`; `refuse` (answers that the host refused); `deaf` (hangs up after the
greeting); or `cut` (breaks off after 400 bytes of answers). Prints its port.
"""
import socket
import socketserver
import sys
import threading

log, mode = open(sys.argv[1], "a", buffering=1), sys.argv[2]
known = dict(arg.split("=") for arg in sys.argv[3:])


class Rubbish(Exception):
    pass


def exactly(sock, n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            raise Rubbish()
        data += more
    return data


def read_request(sock):
    version, methods = exactly(sock, 2)
    if version != 5 or 0 not in exactly(sock, methods):
        raise Rubbish()
    if mode == "deaf":
        return None
    sock.sendall(b"\x05\x00")
    version, command, _, kind = exactly(sock, 4)
    if version != 5 or command != 1:
        raise Rubbish()
    if kind == 3:
        host = exactly(sock, exactly(sock, 1)[0]).decode("ascii")
    else:
        family = {1: socket.AF_INET, 4: socket.AF_INET6}[kind]
        host = socket.inet_ntop(family, exactly(sock, {1: 4, 4: 16}[kind]))
    return kind == 3, host, int.from_bytes(exactly(sock, 2), "big")


def answer(sock, code):
    sock.sendall(bytes([5, code, 0, 1]) + bytes(6))


def pump(source, sink, counts, which, most):
    try:
        while data := source.recv(65536):
            sink.sendall(data[: max(most - counts[which], 0)])
            counts[which] += len(data)
            if counts[which] >= most:
                break
        sink.shutdown(socket.SHUT_WR)
        if counts[which] >= most:
            source.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def relay(sock, label, where):
    host, port = where.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as server:
        answer(sock, 0)
        counts = [0, 0]
        most = 400 if mode == "cut" else sys.maxsize
        up = threading.Thread(target=pump, args=(sock, server, counts, 0, sys.maxsize))
        up.start()
        pump(server, sock, counts, 1, most)
        up.join()
    log.write("name %s %d %d\n" % (label, counts[0], counts[1]))


class Connection(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            request = read_request(self.request)
        except (Rubbish, OSError, KeyError, UnicodeDecodeError):
            log.write("rubbish\n")
            return
        if request is None:
            log.write("deaf\n")
            return
        named, host, port = request
        if not named:
            log.write("numeric %s\n" % host)
            answer(self.request, 2)
        elif host not in known:
            log.write("unknown %s\n" % host)
            answer(self.request, 4)
        elif mode == "refuse":
            log.write("refused %s\n" % host)
            answer(self.request, 5)
        else:
            relay(self.request, "%s:%d" % (host, port), known[host])


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Server(("127.0.0.1", 0), Connection) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
