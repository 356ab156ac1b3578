"""fast_bitrix24 as its README shows it: one call with a list, which it sends as batches, up to 50 at once.

All that its constructor can be told about the portal it is told.
"""

from fast_bitrix24 import Bitrix
from start import KILL, Task, run

#: More than any scenario has: a portal without a bucket needs no pool.
_NO_LIMIT = 1_000_000


def end(task: Task) -> int:
    bitrix = Bitrix(
        task.webhook,
        verbose=False,
        request_pool_size=task.burst or _NO_LIMIT,
        requests_per_second=task.per_second or float(_NO_LIMIT),
        batch_size=task.batch,
        operating_time_limit=int(task.operating_limit or _NO_LIMIT),
    )
    bitrix.call(KILL, [{"ID": identity} for identity in task.ids])
    return 0


run(end)
