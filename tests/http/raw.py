#!/usr/bin/env python3
"""What libmicrohttpd 0.9.75 would let through, over a bare socket: each attack of contract.md section 5, and the slow clients.
raw.py BIN_DIR [CASE...]"""
import re
import socket
import sys
import threading
import time

from schema import CONTRACT
from daemon import Client, Daemon, expect, raw, run


class World:
    def __init__(self):
        self.d = Daemon(sys.argv[1], None, "raw", http__request_timeout_s=2, http__idle_timeout_s=2, http__connections_max=64,
                        http__connections_per_address_max=40)
        self.key = self.d.key("alice")
        self.port = self.d.start()
        self.auth = "Authorization: Bearer " + self.key


def statuses(got):
    return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d+) ", got)]


def one(w, text, want, words=""):
    """Exactly one answer of that status, a problem, and the connection closed: no second request may hide behind it."""
    got = raw(w.port, text)
    expect(statuses(got) == [want], repr(text)[:120], "->", got[:300])
    expect(words in got.decode("latin-1"), got)
    return got


HIDDEN = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"


def a_plain_request_works(w):
    got = raw(w.port, "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    expect(statuses(got) == [200], got)


def two_requests_in_one_packet_get_two_answers(w):
    got = raw(w.port, HIDDEN + HIDDEN.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
    expect(statuses(got) == [200, 200], got)


def content_length_beside_transfer_encoding_is_refused(w):
    for te in ("chunked", "CHUNKED", "identity", "x"):
        one(w, f"POST /v1/jobs HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: {te}\r\n\r\n0\r\n\r\n" + HIDDEN, 400,
            "Content-Length stands beside Transfer-Encoding")
    one(w, "GET /livez HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + HIDDEN, 400)


def transfer_encoding_alone_is_411(w):
    one(w, "POST /v1/jobs HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + HIDDEN, 411)


def a_repeated_content_length_is_refused(w):
    for a, b in (("4", "4"), ("4", "40"), ("0", "4")):
        one(w, f"POST /v1/jobs HTTP/1.1\r\nHost: h\r\nContent-Length: {a}\r\nContent-Length: {b}\r\n\r\nabcd" + HIDDEN, 400,
            "repeated")


def a_content_length_that_is_no_number_is_refused(w):
    for n in ("4, 4", "+4", "-1", "0x4", "4 4", "", "99999999999999999999"):
        got = raw(w.port, f"POST /v1/jobs HTTP/1.1\r\nHost: h\r\nContent-Length: {n}\r\n\r\nabcd" + HIDDEN)
        # libmicrohttpd refuses some of these itself, and sends the head of that answer twice before it closes.
        expect(set(statuses(got)) <= {400, 413} and b"Connection: close" in got, n, got[:200])


def a_repeated_host_is_refused(w):
    one(w, "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + HIDDEN, 400, "repeated")
    one(w, "GET /livez HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n" + HIDDEN, 400, "repeated")


def a_missing_host_is_refused(w):
    got = raw(w.port, "GET /livez HTTP/1.1\r\n\r\n" + HIDDEN)
    expect(statuses(got) == [400], got)


def a_repeated_authorization_is_refused(w):
    one(w, f"GET /v1/jobs HTTP/1.1\r\nHost: h\r\n{w.auth}\r\nAuthorization: Bearer x\r\n\r\n" + HIDDEN, 400, "repeated")


def an_encoded_nul_does_not_cut_a_path(w):
    for path in ("/livez%00", "/livez%00.json", "/v1/jobs/%00", "/livez?x=%00"):
        one(w, f"GET {path} HTTP/1.1\r\nHost: h\r\n{w.auth}\r\n\r\n" + HIDDEN, 400, "control character")


def a_bare_nul_or_control_character_is_refused(w):
    for text in ("GET /livez HTTP/1.1\r\nHost: h\r\nX-A: a\x01b\r\n\r\n", "GET /li\x01vez HTTP/1.1\r\nHost: h\r\n\r\n"):
        one(w, text + HIDDEN, 400)
    for target in ("/livez\x00/v1/jobs", "/livez\x00", "/livez?x=\x00", "/livez\x00?x=1", "\x00/livez", "/livez\x00" + "a" * 3000):
        one(w, f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n" + HIDDEN, 400, "has a NUL")
    for text in ("GET\x00 /livez HTTP/1.1\r\nHost: h\r\n", "GET /livez HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n", "GET /livez HTTP/1.1\r\nHost: h\x00evil\r\n",
                 "GET /livez HTTP/1.1\r\nHost: h\x00\r\n", "GET /livez HTTP/1.1\r\nHost: h\x00\x00\x00\x00\x00evil\r\n",
                 "GET /livez HTTP/1.1\r\nHost: h\r\nContent-Length: 0\x004\r\nX: y\r\n"):
        one(w, text + "\r\n" + HIDDEN, 400, "has a NUL")
    for text in ("GET /livez HTTP/1.1\x00\r\nHost: h\r\n", "GET /livez HTTP/1.1\r\nHost: h\r\nX\x00: a\r\n"):  # the library's own answer
        one(w, text + "\r\n" + HIDDEN, 400)


def folded_and_half_ended_header_lines_are_refused(w):
    for text in ("Host: h\r\nX: a\r\n b\r\n\r\n", "Host: h\nX: a\r\n\r\n", "Host: h\r\nX: a\n\r\n", "Host: h\r\n\n"):
        one(w, "GET /livez HTTP/1.1\r\n" + text + HIDDEN, 400, "does not end in CRLF")
    one(w, "GET /livez HTTP/1.1\nHost: h\r\n\r\n" + HIDDEN, 400, "does not end in CRLF")
    got = raw(w.port, "GET /livez?a=b&c=d&e HTTP/1.1\r\nHost: h \r\nX:\r\nCookie: a=b; c=d\r\nConnection: close\r\n\r\n")
    expect(b"NUL" not in got, got)


def dot_segments_and_encoded_slashes_are_refused(w):
    for path in ("/v1/../livez", "/./livez", "/v1/%2e%2e/livez", "//livez", "/v1/jobs%2fx", "/%c0%ae%c0%ae/x"):
        one(w, f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n" + HIDDEN, 400)


def absolute_form_is_taken_for_this_host_only(w):
    got = raw(w.port, "GET http://h/livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    expect(statuses(got) == [200], got)
    one(w, "GET http://evil/livez HTTP/1.1\r\nHost: h\r\n\r\n" + HIDDEN, 400, "another host")
    one(w, "GET http://h@evil/livez HTTP/1.1\r\nHost: h\r\n\r\n" + HIDDEN, 400, "another host")
    one(w, "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n" + HIDDEN, 400)
    one(w, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n" + HIDDEN, 400)


def a_body_on_a_get_is_refused_and_not_read_as_a_request(w):
    one(w, f"GET /livez HTTP/1.1\r\nHost: h\r\nContent-Length: {len(HIDDEN)}\r\n\r\n" + HIDDEN, 400, "takes no body")


def a_body_too_large_is_told_or_cut_off(w):
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: h\r\n{w.auth}\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    got = raw(w.port, head % 70000 + " " * 70000)
    expect(statuses(got) == [413], got[:300])
    got = raw(w.port, head % 10**12 + " " * 1000)
    expect(statuses(got) == [413] and b"Connection: close" in got, got[:300])


def a_header_line_without_end_and_too_many_headers_are_refused(w):
    got = raw(w.port, "GET /livez HTTP/1.1\r\nHost: h\r\nX: " + "a" * 200000)
    expect(set(statuses(got)) <= {431, 413}, got[:200])
    got = raw(w.port, "GET /livez HTTP/1.1\r\nHost: h\r\n" + "X: y\r\n" * 5000 + "\r\n")
    expect(set(statuses(got)) <= {431, 413}, got[:200])
    got = raw(w.port, "GET /" + "a" * 100000 + " HTTP/1.1\r\nHost: h\r\n\r\n")
    expect(set(statuses(got)) <= {414, 431}, got[:200])


def what_is_no_http_is_answered_by_the_library_as_the_contract_says(w):
    """libmicrohttpd lets nobody write these: a short page of its own, which repeats nothing of the request, and the end of the
    connection. The contract says so, and deploy/nginx.conf turns them into problems for everybody who comes that way."""
    described = CONTRACT["x-any-request"]["description"]
    head = "GET /livez HTTP/1.1\r\nHost: h\r\n"
    for text, status in ((head + "<b>sgk_secret</b>\r\n\r\n", 400), ("GET /<b>sgk_secret</b>\r\n\r\n", 400),
                         (head + "X: <b>sgk_secret</b>" + "a" * 200000 + "\r\n\r\n", 431), (head + "X: y\r\n" * 5000 + "\r\n", 431),
                         ("GET /<b>sgk_secret</b>" + "a" * 200000 + " HTTP/1.1\r\nHost: h\r\n\r\n", 414),
                         ("GET /<b>sgk_secret</b> HTTP/9.9\r\nHost: h\r\n\r\n", 505)):
        got = one(w, text + HIDDEN, status)
        expect(b"sgk_secret" not in got and b"<b>" not in got and b"content-type" not in got.lower(), got[:400])
        expect(b"connection: close" in got.lower(), got[:300])
        expect(str(status) in described, status, "is not in the description")
    expect("sgk_secret" not in w.d.log())


def garbage_does_not_hurt(w):
    for text in ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\nHost: h\r\n\r\n",
                 "GET / HTTP/1.1 x\r\nHost: h\r\n\r\n", "\x00" * 100, " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                 "GET / HTTP/1.1\r\n Host: h\r\n\r\n", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        got = raw(w.port, text, timeout=6, shut=True)
        expect(not any(s == 200 for s in statuses(got)), repr(text), got[:200])
    expect(Client(w.port).get("/livez").status == 200)


def drip(w, first, every, byte=b"a"):
    """Sends a byte now and then; how long until the server has enough?"""
    s = socket.create_connection(("127.0.0.1", w.port), timeout=30)
    started = time.time()
    s.sendall(first)
    try:
        while time.time() - started < 25:
            s.settimeout(every)
            try:
                if s.recv(4096) == b"":
                    break
            except TimeoutError:
                pass
            s.sendall(byte)
    except OSError:
        pass
    s.close()
    return time.time() - started


def a_header_that_drips_in_is_cut_off(w):
    took = drip(w, b"GET /livez HTTP/1.1\r\nHost: h\r\nX: ", 0.3)
    expect(took < 8, took)


def a_request_line_that_drips_in_is_cut_off(w):
    took = drip(w, b"GET /", 0.3)
    expect(took < 8, took)


def a_body_that_drips_in_is_cut_off(w):
    took = drip(w, f"POST /v1/jobs HTTP/1.1\r\nHost: h\r\n{w.auth}\r\nContent-Length: 1000\r\n\r\n".encode(), 0.3)
    expect(took < 8, took)


def an_idle_connection_is_closed_and_a_busy_one_is_kept(w):
    s = socket.create_connection(("127.0.0.1", w.port), timeout=30)
    started = time.time()
    for _ in range(12):  # three seconds of requests on one connection, longer than either limit
        s.sendall(HIDDEN.encode())
        expect(s.recv(65536).startswith(b"HTTP/1.1 200"), "a busy connection was closed")
        time.sleep(0.25)
    expect(time.time() - started > 2.9)
    idle = time.time()
    expect(s.recv(10) == b"", "an idle connection says something")
    expect(time.time() - idle < 8, time.time() - idle)
    s.close()


def slow_clients_do_not_keep_others_out(w):
    slow = []
    for _ in range(30):
        s = socket.create_connection(("127.0.0.1", w.port), timeout=30)
        s.sendall(b"GET /livez HTTP/1.1\r\nX:")
        slow.append(s)
    started = time.time()
    expect(Client(w.port).get("/livez").status == 200)
    expect(time.time() - started < 1, time.time() - started)
    for s in slow:
        s.close()


def one_address_gets_so_many_connections_and_no_more(w):
    many, refused = [], 0
    for _ in range(60):
        try:
            s = socket.create_connection(("127.0.0.1", w.port), timeout=1)
            many.append(s)
        except OSError:
            refused += 1
    time.sleep(0.3)
    for s in many:
        s.setblocking(False)
        try:
            refused += s.recv(10) == b""
        except BlockingIOError:
            pass
        except OSError:
            refused += 1
    expect(refused >= 15, refused)
    for s in many:
        s.close()
    time.sleep(0.3)
    expect(Client(w.port).get("/livez").status == 200)


def stopping_with_open_connections_takes_no_time(w):
    open_ones = [socket.create_connection(("127.0.0.1", w.port), timeout=30) for _ in range(5)]
    for s in open_ones[:3]:
        s.sendall(HIDDEN.encode())
    time.sleep(0.3)
    started = time.time()
    stopper = threading.Thread(target=w.d.stop)
    stopper.start()
    stopper.join(20)
    expect(not stopper.is_alive() and time.time() - started < 12, time.time() - started)
    expect(w.d.process.returncode == 0, w.d.process.returncode)


CASES = [f for f in list(globals().values()) if callable(f) and getattr(f, "__module__", "") == "__main__"
         and f.__name__ not in ("World", "one", "statuses", "drip", "finish")]


def finish(w, bad):
    if bad:
        print("the end of the daemon's log:\n" + w.d.log()[-3000:])
    w.d.remove()


if __name__ == "__main__":
    sys.exit(run(CASES, World, finish, sys.argv[2:]))
