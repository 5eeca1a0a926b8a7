"""The part of a long text that its main points stand on."""

from __future__ import annotations

from dataclasses import replace

from serve_app.insights.points import points_of
from serve_app.insights.work import Work


async def excerpt_of(work: Work) -> Work:
    """Return work on the segments that a long text's points cite, with their neighbours; a shorter text stays whole.

    What asks for a handful of items need not read hours once more for each kind of them: the points are kept, and
    segments keep their numbers, times and speakers.
    """
    if len(await work.windows()) <= work.settings.whole_windows:
        return work
    cited = {order for point in await points_of(work) for order in point.segments}
    orders = {each.order for order in cited for each in work.source.around(order, before=1, after=1)}
    segments = tuple(segment for segment in work.source.segments if segment.order in orders)
    return replace(work, source=replace(work.source, segments=segments), progress=None) if segments else work
