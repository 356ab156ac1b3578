"""b24pysdk as its README shows it: `call_batches`, which sends batches of 50 one after another.

Where a portal is too slow for those, smaller ones by `call_batch`.
"""

from urllib.parse import urlsplit

from b24pysdk import BitrixWebhook
from start import KILL, Task, run

_ITS_OWN_BATCH = 50


def end(task: Task) -> int:
    address = urlsplit(task.webhook)
    token = BitrixWebhook(domain=address.netloc, webhook_token=address.path.removeprefix("/rest/").strip("/"))
    calls = [(KILL, {"ID": identity}) for identity in task.ids]
    if task.batch == _ITS_OWN_BATCH:
        token.call_batches(calls)
        return 0
    for start in range(0, len(calls), task.batch):
        token.call_batch(calls[start : start + task.batch])
    return 0


run(end)
