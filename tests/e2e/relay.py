"""A relay that keeps what goes through it: relay.py FOLDER HOST:PORT. Of the N-th connection
FOLDER/N.up has what the client sent and FOLDER/N.down what it got. Prints its port.
"""
import pathlib
import socket
import socketserver
import sys
import threading

folder, (host, port) = pathlib.Path(sys.argv[1]), sys.argv[2].rsplit(":", 1)
numbers = iter(range(1, 1 << 30))


def pump(source, sink, path):
    with open(path, "wb", buffering=0) as kept:
        try:
            while data := source.recv(65536):
                kept.write(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Connection(socketserver.BaseRequestHandler):
    def handle(self):
        name = "%04d" % next(numbers)
        with socket.create_connection((host, int(port))) as server:
            up = threading.Thread(target=pump, args=(self.request, server, folder / (name + ".up")))
            up.start()
            pump(server, self.request, folder / (name + ".down"))
            up.join()


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Server(("127.0.0.1", 0), Connection) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
