"""RFC 2617 section 3.5 and RFC 7616 section 3.9.1, their numbers as printed there."""

from softswitch.sip.auth import Challenge, Credentials, response_digest


def test_the_example_of_rfc_2617() -> None:
    challenge = Challenge(
        "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", qop=("auth", "auth-int"), opaque="5ccc069c403eb"
    )
    digest = response_digest(
        challenge, Credentials("Mufasa", "Circle Of Life"), method="GET", uri="/dir/index.html", cnonce="0a4f113b"
    )
    assert digest == "6629fae49393a05397450978507c4ef1"


def test_both_examples_of_rfc_7616() -> None:
    found = [
        response_digest(
            Challenge(
                "http-auth@example.org",
                "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                algorithm=algorithm,
                qop=("auth", "auth-int"),
            ),
            Credentials("Mufasa", "Circle of Life"),
            method="GET",
            uri="/dir/index.html",
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        )
        for algorithm in ("MD5", "SHA-256")
    ]
    assert found == [
        "8ca523f5e9506fed4657c9700eebdbec",
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    ]
