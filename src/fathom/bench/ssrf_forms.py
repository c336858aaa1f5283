"""The forms of `fathom bench ssrf`: ways to make a fetcher contact what it must not, and ordinary addresses.

Collected from the published tricks and the registries of special-purpose addresses. A form is an address with what
its host resolves to and where its server redirects to; `PUBLIC` is the one address a hostile form may contact.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fathom.sandbox.egress.protocol import Scope

PUBLIC = "93.184.215.14"
HOST = "site.example"


@dataclass(frozen=True)
class Form:
    """`answers` are what `HOST` resolves to, one set after another; `location` is where a server at `PUBLIC` sends
    whoever asks it. `denied` says that nothing else than a refusal will do: where the name server changes its mind it
    is enough that the second answer is not contacted."""

    url: str
    answers: tuple[tuple[str, ...], ...] = ((PUBLIC,),)
    location: str = ""
    scope: Scope = "public"
    denied: bool = True


# Loopback, as hosts of URLs.
_LOOPBACK = (
    "127.0.0.1 127.0.0.1. 127.1 127.0.1 127.255.255.254 127.000.000.001 0177.0.0.1 0177.0.1 0177.1 017700000001 "
    "00000177.0.0.1 0x7f.0.0.1 0x7f.1 0x7f000001 0x7F000001 0X7F.0X0.0X0.0X1 0x7f.0.1 2130706433 2130706433. "
    "02130706433 127.0.0.0x1 127.0x0.1 0 0. 0x0 00 0.0.0.0 0.0 127.0.0.1%00 127.0.0.1%2f 127%2e0%2e0%2e1 "
    "%31%32%37.0.0.1 127.0.0.1%09 4294967295 4294967296 6425673729 281472812449793 １２７.０.０.１ ①②⑦.⓪.⓪.① "
    "127。0。0。1 127．0．0．1 127｡0｡0｡1 ０ｘ７ｆ.1 𝟭𝟮𝟳.𝟬.𝟬.𝟭 ２１３０７０６４３３ localhost LOCALHOST localhost. "
    "ｌｏｃａｌｈｏｓｔ ⓛⓞⓒⓐⓛⓗⓞⓢⓣ loc\u00adalhost localhost%00 "
    "a.localhost localhost.localdomain ip6-localhost metadata router intranet host.docker.internal "
    "metadata.google.internal printer.local nas.home.arpa x.onion _.test 127.0.0.1.. .127.0.0.1 1.1.1 1.1 8.8.2056"
).split()
# Special networks of IPv4, their first, last or best known address.
SPECIAL_4 = (
    "0.0.0.1 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.1 100.127.255.255 100.100.100.200 127.0.0.2 "
    "169.254.169.254 169.254.170.2 169.254.0.23 168.63.129.16 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.170 "
    "192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 "
    "198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 233.252.0.1 239.255.255.250 240.0.0.1 "
    "255.255.255.254 255.255.255.255"
).split()
# The same of IPv6, and IPv4 addresses carried in it.
SPECIAL_6 = (
    ":: ::1 ::2 0:0:0:0:0:0:0:1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0.0.0.0 "
    "::ffff:93.184.215.14 ::ffff:0:127.0.0.1 ::127.0.0.1 ::7f00:1 ::93.184.215.14 64:ff9b::127.0.0.1 "
    "64:ff9b::a9fe:a9fe 64:ff9b::10.0.0.1 64:ff9b:1::127.0.0.1 64:ff9b:1::5db8:d70e 64:ff9b:1:7f00:0:100:: "
    "2002:7f00:1:: 2002:a9fe:a9fe:: 2002:c0a8:1::1 2002:5db8:d70e::1 2001::1 2001:0:7f00:1:: "
    "2001:0:4136:e378:8000:63bf:80ff:fffe 2001:1::1 2001:2::1 2001:3::1 2001:4:112::1 2001:10::1 2001:20::1 "
    "2001:db8::1 3fff::1 3ffe::1 2620:4f:8000::1 100::1 100:0:0:1::1 5f00::1 4000::1 fc00::1 fd00::1 fd00:ec2::254 "
    "fd20:ce::254 fdff:ffff::1 fe80::1 fe80::a9fe:a9fe fe80::5efe:7f00:1 febf::1 fec0::1 feff::1 ff00::1 ff02::1 "
    "ff05::2 ff0e::1 2606:4700::5efe:127.0.0.1 2606:4700::200:5efe:a00:1 2606:4700::100:5efe:c0a8:1"
).split()
_SCHEMES = (
    "file:///etc/passwd file://localhost/etc/passwd ftp://site.example/ gopher://127.0.0.1:6379/_INFO "
    "dict://127.0.0.1:11211/stats ldap://127.0.0.1/ jar:http://127.0.0.1!/ data:text/html,hi javascript:alert(1) "
    "ws://127.0.0.1/ wss://site.example/ tftp://127.0.0.1/x sftp://127.0.0.1/ ssh://127.0.0.1/ smb://127.0.0.1/x "
    "netdoc:///etc/passwd view-source:http://127.0.0.1/ blob:http://127.0.0.1/x about:blank "
    "unix:///var/run/docker.sock http+unix://%2Fvar%2Frun%2Fdocker.sock/info "
    "mailto:a@site.example //127.0.0.1/ ///127.0.0.1/ http:/127.0.0.1/ "
    "http:127.0.0.1/ http:///127.0.0.1/ http:////127.0.0.1/ http:\\\\127.0.0.1\\ http:/\\127.0.0.1/ httpſ://127.0.0.1/ "
    "ｈttp://127.0.0.1/ url:http://127.0.0.1/ 127.0.0.1 127.0.0.1:80 http http: http:// https://? http://#"
).split()
# Logins, backslashes, control characters and whatever else lets two readers see two hosts.
_AUTHORITIES = (
    "http://site.example@127.0.0.1/",
    "http://127.0.0.1@site.example/",
    "http://u:p@site.example/",
    "http://@site.example/",
    "http://:@site.example/",
    "http://a@b@127.0.0.1/",
    "http://site.example:80@127.0.0.1/",
    "http://site.example:@127.0.0.1/",
    "http://site.example%40127.0.0.1/",
    "http://site.example\\@127.0.0.1/",
    "http://127.0.0.1\\@site.example/",
    "http://site.example\\.127.0.0.1/",
    "http://site.example/\\..\\127.0.0.1",
    "http://site.example\\",
    "http://127.0.0.1\t.site.example/",
    "http://127.0.0.1\r\n.site.example/",
    "http://site.example\r\nHost: 127.0.0.1/",
    "http://site.example/\r\nHost: 127.0.0.1\r\n\r\n",
    "http://site.example/ HTTP/1.1\r\nHost: x",
    "ht\ntp://127.0.0.1/",
    "\x00http://127.0.0.1/",
    " http://127.0.0.1/",
    "http://127.0.0.1 /",
    "http:// 127.0.0.1/",
    "http://127.0.0.1 site.example/",
    "http://127.0.0.1\u2028/",
    "http://127.0.0.1\ufeff/",
    "http://127.0.0.1\u3000/",
    "http://127.0.0.1\x85/",
    "http://site.example\x00.evil/",
    "http://127.0.0.1⁄@site.example/",
    "http://127.0.0.1＠site.example/",
    "http://site.example＠127.0.0.1/",
    "http://127.0.0.1＃.site.example/",
    "http://127.0.0.1？.site.example/",
    "http://site.example＼@127.0.0.1/",
    "http://127.0.0.1℀.site.example/",
    "http://127.0.0.1：80/",
    "http://site.example,127.0.0.1/",
    "http://site.example;127.0.0.1/",
    "http://{127.0.0.1}/",
    "http://<127.0.0.1>/",
    "http://127.0.0.1`/",
    "http://[127.0.0.1]/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]site.example/",
    "http://[::1]@site.example/",
    "http://site.example[::1]/",
    "http://[[::1]]/",
    "http://[]/",
    "http://[::1%25lo]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::１]/",
    "http://[::ffff:127.0.0.1%00]/",
    "http://[v1.127.0.0.1]/",
    "http://" + "a" * 64 + ".example/",
    "http://" + "a." * 140 + "example/",
    "http://site.example/" + "a" * 9000,
    "http://\ud800.example/",
)
_PORTS = "0 1 22 25 53 3306 6379 9200 11211 65535 65536 99999 80443 -80 +80 ８０ 0x50 80a 80:80 8080.".split()
# What a name server may say of the host: beside every special address of above.
_ANSWERS: tuple[tuple[str, ...], ...] = (
    (PUBLIC, "127.0.0.1"),
    ("127.0.0.1", PUBLIC),
    (PUBLIC, PUBLIC, "10.0.0.1"),
    (PUBLIC, "::1"),
    ("2606:4700::1111", "::ffff:127.0.0.1"),
    ("fe80::1%eth0",),
    ("2606:4700::1111%lo",),
    (PUBLIC, "fe80::1%2"),
    (PUBLIC,) * 200 + ("169.254.169.254",),
)
_LOCATIONS = (
    "http://127.0.0.1/ http://127.0.0.1:80/ http://localhost/ http://[::1]/ //127.0.0.1/ //[::ffff:127.0.0.1]/ "
    "http://2130706433/ http://0x7f.1/ http://0177.1/ http://127.1/ http://169.254.169.254/latest/meta-data/ "
    "http://10.0.0.1/ http://192.168.1.1/ http://[fd00:ec2::254]/ http://100.64.0.1/ http://0.0.0.0/ "
    "http://site.example@127.0.0.1/ http://u:p@site.example/ http://site.example:22/ http://site.example:0/ "
    "https://127.0.0.1/ file:///etc/passwd ftp://site.example/ gopher://127.0.0.1/_x javascript:1 data:text/plain,x "
    "http://[::1 \\\\127.0.0.1\\x /\\127.0.0.1/ http:\\\\127.0.0.1 http://１２７.０.０.１/ "
    "http://127.0.0.1%2f/ http://metadata.google.internal/ http://intranet/ http://[64:ff9b::7f00:1]/ http://[2002:7f00:1::]/"
).split()
_PRIVATE_SCOPE = (
    "169.254.169.254 169.254.1.1 100.100.100.200 168.63.129.16 0.0.0.0 224.0.0.1 255.255.255.255 240.0.0.1 "
    "192.0.0.192 [fd00:ec2::254] [fe80::1] [ff02::1] [::] [::ffff:127.0.0.1] [2002:7f00:1::] [64:ff9b::7f00:1] "
    "[fec0::1] 127.1 0x7f000001 2130706433 0177.0.0.1"
).split()


def hostile() -> tuple[Form, ...]:
    """Forms after which nothing but `PUBLIC` may have been contacted."""
    return tuple(dict.fromkeys((*_literal(), *_resolved(), *_redirected(), *_scoped())))


def _literal() -> Iterator[Form]:
    for host in (*_LOOPBACK, *SPECIAL_4, *(f"[{address}]" for address in SPECIAL_6)):
        yield Form(f"http://{host}/")
    for url in (*_SCHEMES, *_AUTHORITIES, *(f"http://{HOST}:{port}/" for port in _PORTS)):
        yield Form(url)


def _resolved() -> Iterator[Form]:
    for answer in (*((address,) for address in (*SPECIAL_4, *SPECIAL_6)), *_ANSWERS):
        yield Form(f"https://{HOST}/", (answer,))
    # Rebinding: public when it is looked at, private when it is used, within one request and over a redirect.
    yield Form(f"http://{HOST}/", ((PUBLIC,), ("127.0.0.1",)), denied=False)
    yield Form(f"http://{HOST}/", ((PUBLIC,), ("169.254.169.254",)), f"http://{HOST}:8080/x")
    yield Form(f"http://{HOST}/", ((PUBLIC,), (PUBLIC, "10.0.0.1")), f"https://{HOST}/x")


def _redirected() -> Iterator[Form]:
    for location in _LOCATIONS:
        yield Form(f"http://{HOST}/", location=location)


def _scoped() -> Iterator[Form]:
    for url in (f"http://{HOST}/", f"https://{PUBLIC}/", "http://127.0.0.1/", "http://[2606:4700::1111]/"):
        yield Form(url, scope="offline")
    for host in _PRIVATE_SCOPE:
        yield Form(f"http://{host}/", scope="private")
    for address in ("169.254.169.254", "fe80::1", "::ffff:10.0.0.1"):
        yield Form(f"http://{HOST}/", ((address,),), scope="private")
        yield Form(
            f"http://{HOST}/", location=f"http://{address if '.' in address else f'[{address}]'}/", scope="private"
        )


def good() -> tuple[Form, ...]:
    """Ordinary addresses, all of which must be answered. Any host resolves to the given answers."""
    return tuple(_ordinary()) + tuple(
        Form(url, ((address,),), scope="private", denied=False)
        for url, address in (
            ("http://localhost:8888/search?q=x", "127.0.0.1"),
            ("http://wiki/page", "192.168.1.20"),
            ("http://10.1.2.3:3000/", ""),
            ("http://[::1]:9000/", ""),
            ("http://[fd12:3456::1]/", ""),
            ("https://printer.local/", "172.16.9.9"),
            (f"http://{HOST}/", PUBLIC),
        )
    )


def _ordinary() -> Iterator[Form]:
    for url in (
        f"http://{HOST}",
        f"http://{HOST}/",
        f"https://{HOST}/a/b.html",
        f"HTTPS://{HOST.upper()}/",
        f"http://{HOST}./",
        f"http://{HOST}:80/",
        f"http://{HOST}:/",
        f"https://{HOST}:443/",
        f"http://{HOST}:8080/x",
        f"https://{HOST}:8443/x",
        f"http://{HOST}?q=1",
        f"http://{HOST}/#part",
        f"http://{HOST}/#a@b\\c",
        f"http://{HOST}/a b/ü/日本?q=é&r=a+b%20c",
        f"http://{HOST}/wiki/C%2B%2B_(language)?x=[1]&y={{2}}|3",
        f"http://{HOST}/user@host/~me/;v=1,2!$'*",
        f"http://{HOST}/?next=http://127.0.0.1/&b=a\\b",
        f"http://{HOST}/http://127.0.0.1/",
        f"http://{HOST}/100%",
        f"http://{HOST}/a/../b/./c/%2e%2e/d",
        "https://münchen.example/",
        "https://xn--mnchen-3ya.example/",
        "https://例え.テスト.example/",
        "https://ｓｉｔｅ．ｅｘａｍｐｌｅ/",
        "http://127.0.0.1.nip.example/",
        "http://1and1.example/",
        "http://0x7f.example/",
        "http://3.14.example/",
        "http://my_site.example/",
        "http://a--b.-c-.example/",
        "http://localhost.example/",
        "http://" + "a" * 63 + ".example/",
        "http://" + "b." * 100 + "example/",
        f"http://{PUBLIC}/",
        "https://8.8.8.8/",
        "http://[2606:4700:4700::1111]/",
        "http://[2001:4860:4860:0:0:0:0:8888]:8080/",
        "http://[64:ff9b::5db8:d70e]/",
    ):
        yield Form(url, denied=False)
    for answer in (
        (PUBLIC, "1.1.1.1"),
        ("2a00:1450:4001::200e",),
        ("2001:200::1",),
        ("64:ff9b::5db8:d70e",),
        ("100.63.255.255",),
        ("100.128.0.1",),
        ("172.15.0.1", "172.32.0.1"),
        ("223.255.255.255",),
        ("198.17.255.255", "198.20.0.1"),
    ):
        yield Form(f"https://{HOST}/", (answer,), denied=False)
    for location in ("/next", "next?x=1", "//other.example/", f"https://{HOST}/", "http://other.example:8080/ü", "?x"):
        yield Form(f"http://{HOST}/", location=location, denied=False)
