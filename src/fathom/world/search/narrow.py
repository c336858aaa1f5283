"""What of the hits fits a query's filters, where the service did not see to it."""

from fathom.world.protocol import Hit
from fathom.world.search.addresses import in_domain
from fathom.world.search.dates import within
from fathom.world.search.protocol import SearchQuery


def fitting(hits: tuple[Hit, ...], query: SearchQuery, *, dated: bool) -> tuple[Hit, ...]:
    """The hits of the domains and, with `dated`, of the days that `query` asks for, in their order. A hit without a
    date does not fit a query with one: nobody vouches for it."""
    return tuple(hit for hit in hits if _of_domain(hit, query) and (not dated or _of_time(hit, query)))


def _of_domain(hit: Hit, query: SearchQuery) -> bool:
    wanted = not query.domains or any(in_domain(hit.url, domain) for domain in query.domains)
    return wanted and not any(in_domain(hit.url, domain) for domain in query.without_domains)


def _of_time(hit: Hit, query: SearchQuery) -> bool:
    if not (query.since or query.until):
        return True
    return bool(hit.date) and within(hit.date, query.since, query.until)
