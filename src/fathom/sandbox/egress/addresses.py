"""Which network addresses may be contacted, by scope.

Of the public internet are the addresses that the IANA registries of special-purpose addresses leave over, and no
others: what a form of IPv6 carries an IPv4 address in for a translator or a tunnel is refused, since who unpacks it is
not known. One such form stays: NAT64 with its well-known prefix, by which machines without IPv4 reach all of IPv4.

Reference: IANA IPv4 and IPv6 Special-Purpose Address Registries; RFC 4291, 5214, 6052, 8215.
"""

import ipaddress

from fathom.sandbox.egress.protocol import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PUBLIC_PORTS = frozenset({80, 443, 8080, 8443})
"""Ports that web servers of the public internet listen on."""

_NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 "
        "203.0.113.0/24 224.0.0.0/3"
    ).split()
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Protocol assignments (Teredo, ORCHID, AMT, AS112, benchmarks), documentation, 6to4, AS112 again, 6bone.
_NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(text)
    for text in "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3ffe::/16 3fff::/20".split()
)
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in "10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 172.16.0.0/12 192.168.0.0/16 ::1/128 fc00::/7".split()
)
# Where clouds answer their machines with credentials, outside of the link-local networks: Azure, Alibaba, AWS, Google.
_METADATA = frozenset(
    ipaddress.ip_address(text) for text in "168.63.129.16 100.100.100.200 fd00:ec2::254 fd20:ce::254".split()
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP, _ISATAP_MASK = 0x00005EFE, 0xFCFFFFFF  # the upper half of an interface id, without its u and g bits


def permitted(address: Address, scope: Scope) -> bool:
    """Whether `address` may be contacted. Link-local, multicast and unspecified addresses never are."""
    if scope == "offline" or address in _METADATA:
        return False
    if is_public(address):
        return True
    return scope == "private" and any(address in network for network in _PRIVATE)


def port_permitted(port: int, scope: Scope) -> bool:
    """Whether a server at `port` may be contacted."""
    return port in PUBLIC_PORTS if scope == "public" else scope == "private" and 1 <= port <= 65535


def is_public(address: Address) -> bool:
    """Whether `address` is global unicast, and carries no other."""
    if isinstance(address, ipaddress.IPv4Address):
        return address not in _METADATA and not any(address in network for network in _NOT_PUBLIC_4)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if address.scope_id is not None or address not in _GLOBAL_UNICAST:
        return False
    isatap = int(address) >> 32 & _ISATAP_MASK == _ISATAP
    return not isatap and not any(address in network for network in _NOT_PUBLIC_6)
