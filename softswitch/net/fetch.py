"""One small file over HTTPS, within limits: certificates of those who sign caller IDs are published that way."""

import aiohttp

from softswitch.errors import ResourceError

#: Octets; a chain of certificates has a tenth of it.
MAX_BYTES = 64 * 1024
#: Seconds that all of it may take.
SECONDS = 5.0


async def fetch(url: str, *, most: int = MAX_BYTES) -> bytes:
    """Return what is at a URL; raise ResourceError with a sentence where it cannot be had. most: octets.

    Redirections are not followed: the host was looked at, and where it sends us was not.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise ResourceError(f"{url} answers {response.status}")
            data = await response.content.read(most + 1)
            while len(data) <= most and (more := await response.content.read(most + 1 - len(data))):
                data += more
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise ResourceError(f"{url} cannot be fetched: {type(error).__name__}") from error
    if len(data) > most:
        raise ResourceError(f"{url} is longer than {most} octets")
    return data
