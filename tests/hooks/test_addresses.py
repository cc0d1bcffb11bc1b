"""Which addresses hooks may connect to."""

from __future__ import annotations

import pytest

from nannin.hooks.addresses import Addresses


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "8.8.8.8"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert Addresses().permits(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "100::1",
        # IPv4 inside of IPv6: mapped, compatible, translated, by 6to4, by Teredo.
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:0:808:808::f5ff:fffe",
        "64:ff9b:1::808:808",
        # And inside of a public network, by ISATAP.
        "2606:2800:21f:cb07:0:5efe:10.0.0.1",
        "2606:2800:21f:cb07:200:5efe:192.168.1.1",
        "fe80::5efe:8.8.8.8",
        # What is inside of another is judged as well.
        "2002:c058:6301::1",
        "192.0.0.1",
        "192.0.0.9",
        "192.0.0.192",
        "192.88.99.1",
        "168.63.129.16",
        "::ffff:168.63.129.16",
        "fd00:ec2::254",
        "3fff::1",
        "3fff:fff::1",
        "not an address",
        "2130706433",
        "",
    ],
)
def test_others_are_not(address: str) -> None:
    assert not Addresses().permits(address)


def test_public_addresses_inside_of_others_are_permitted() -> None:
    assert Addresses().permits("::ffff:8.8.8.8")
    assert Addresses().permits("64:ff9b::8.8.8.8")
    assert Addresses().permits("2002:808:808::1")
    assert Addresses().permits("2606:2800:21f:cb07:200:5efe:8.8.8.8")
    assert Addresses().permits("168.63.129.17")


def test_networks_may_be_allowed() -> None:
    addresses = Addresses(["10.1.0.0/16", "fd00::/8", "127.0.0.1"])
    permitted = ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "127.0.0.1", "8.8.8.8"]
    assert [addresses.permits(address) for address in permitted] == [True] * 5
    assert not addresses.permits("10.2.0.1")
    assert not addresses.permits("127.0.0.2")


@pytest.mark.parametrize(
    "network", ["10.1.0.0/16", "::ffff:10.1.2.3", "::ffff:0:0/96", "64:ff9b::/96", "2002::/16"]
)
def test_an_address_inside_of_another_is_allowed_as_itself_or_as_the_other(network: str) -> None:
    forms = ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "2002:a01:203::1"]
    permitted = [form for form in forms if Addresses([network]).permits(form)]
    expected = {"10.1.0.0/16": forms, "64:ff9b::/96": forms[2:3], "2002::/16": forms[3:]}
    assert permitted == expected.get(network, forms[1:2])


def test_the_network_of_a_translator_of_ones_own_may_be_allowed() -> None:
    assert Addresses(["64:ff9b:1::/48"]).permits("64:ff9b:1::a00:1")
    assert not Addresses(["10.0.0.0/8"]).permits("64:ff9b:1::a00:1")


def test_all_may_be_allowed() -> None:
    assert Addresses("*").permits("127.0.0.1")
