"""How many requests are in flight: from what a kill takes, and how that grows with what is in flight."""

from collections import deque
from dataclasses import dataclass, replace
from math import inf, sqrt

#: What `auto` allows at most.
MOST_IN_FLIGHT = 32
#: How far single kills are from their mean, as a part of it: a mean over k kills is off by about this / √k.
_SPREAD = 0.5
#: Seconds by which a request may be late for no reason of the portal's.
_JITTER = 0.01


@dataclass(slots=True)
class Mean:
    """Seconds per kill, over so many kills."""

    seconds: float = 0.0
    kills: float = 0.0
    requests: float = 0.0

    #: More kills than these are not remembered, so that a mean follows what changes slowly.
    _MEMORY = 400.0

    @property
    def each(self) -> float:
        return self.seconds / self.kills

    @property
    def error(self) -> float:
        """By which part of it the mean may well be off, squared."""
        return _SPREAD**2 / self.kills + self.requests * (_JITTER / self.seconds) ** 2 if self.kills else inf

    def add(self, seconds: float, kills: float, requests: float = 1.0) -> None:
        kept = min(1.0, max(0.0, self._MEMORY - kills) / self.kills) if self.kills else 0.0
        self.seconds, self.kills = self.seconds * kept + seconds, self.kills * kept + kills
        self.requests = self.requests * kept + requests


class Concurrency:
    """How many requests are in flight: as many as keep the portal busy, and no more than its users can bear.

    A delay-based congestion window as in TCP Vegas (Brakmo and Peterson, 1995), with its band given in multiples of
    the *unloaded* seconds per kill: below the band one request more, above `slowdown` fewer, inside it nothing. A
    portal whose workers are all busy takes, at worst, as many times longer as there are requests more. So a window
    that grows by no more than `slowdown` cannot make it slower than that: slow start multiplies by `slowdown`, and
    doubles only while its batches are so short that nobody notices.

    Decisions are made a round: once as many requests as are in flight were sent under the present window and answered.
    """

    #: Where all of the smaller window still queues, kills get faster in proportion to it. How far from that towards no
    #: change they must be for less than all to queue; it is the error of two means of some tens of kills.
    _SLOWER = 0.35
    #: A mean below this, in multiples of the unloaded one, shows no queue; and below this a short one.
    _NO_QUEUE, _BAND = 1.05, 1.1
    #: Kills that a mean must hold: for a step that is no hurry, to be relied on, and for any step.
    _ENOUGH, _FAIR, _FEWEST = 100.0, 20.0, 2.0
    #: Answers until what is unloaded is sought anew: it may have become another little by little.
    _RELIED_ON = 1000
    #: Answers under one window after which it is sought where it rests on few kills: it costs a few rounds.
    _WORTHWHILE = 48
    #: Below this the start goes on, and doubles as TCP does. Above, what is ours of a short batch's time is too much.
    _DOUBLES_BELOW = 8
    #: Answers after which the start is over.
    _TASTES = 40
    #: A ratio whose error is below this is taken as it is.
    _CERTAIN = 0.2
    #: More broken requests than these, and than this part of the last ones, are a portal in trouble.
    _MANY_BROKE, _BROKEN_PART = 2, 0.25
    #: Answers until a window that was too slow is tried once more: the first time, and at most.
    _RETRY, _LATEST_RETRY = 16, 128

    def __init__(self, *, largest: int = MOST_IN_FLIGHT, slowdown: float = 1.5, known: int = 1) -> None:
        """`known`: a window that did well in an earlier run; it comes second, behind one request by itself."""
        self.largest, self._slowdown, self._known = largest, slowdown, known
        self._window = 1
        #: Below it the window multiplies, as TCP's ssthresh.
        self._threshold, self._tasting = inf, True
        self._unloaded = Mean()
        #: The fastest round whose mean says anything: a bound of what is unloaded.
        self._fastest: Mean | None = None
        #: Seconds per kill in multiples of the unloaded ones, as the last round showed. None: not measured yet.
        self.slowdown: float | None = None
        self._round, self._sent, self._answers, self._busiest = Mean(), 0, 0, 0
        #: The operating budget kept a request of this round back.
        self._held = False
        #: Answers since the beginning.
        self._seen = 0
        #: While what is unloaded is sought: the window before and the seconds per kill under it.
        self._before: tuple[int, float] | None = None
        #: The same where the search began.
        self._rested = (1, 0.0)
        #: The unloaded seconds were sought, and are relied on until so many answers have come.
        self._sure_until = 0.0
        #: The answers behind which the window changed last.
        self._stepped_at = 0
        #: Which of the last requests broke, as many as twice the window; and how many of the next are not noted.
        self._lately, self._unnoted = deque[bool](), 0
        #: A window that is known to be too slow, and the answer from which on it may be tried again.
        self._too_slow, self._retry_at, self._retry = inf, 0, self._RETRY

    def __repr__(self) -> str:
        return f"<Concurrency {self.now} of {self.largest}, {self.slowdown or 1:.2f} times unloaded>"

    @property
    def now(self) -> int:
        return self._window

    @property
    def starting(self) -> bool:
        """Nothing but growth so far: small batches show sooner how many may be in flight."""
        few = self._window < min(self._DOUBLES_BELOW, self.largest) and self._seen < self._TASTES
        return self._tasting and few

    @property
    def _should_seek(self) -> bool:
        """Whether what is unloaded is no longer relied on, and this window has lasted long enough to find out."""
        rested = self._seen - self._stepped_at
        return self._window > 1 and self._seen >= self._sure_until and rested >= self._WORTHWHILE

    @property
    def _multiplied(self) -> int:
        """Short batches may double: a queue of theirs is over before anybody notices."""
        return 2 * self._window if self.starting else int(self._window * self._slowdown)

    @property
    def _multiplies(self) -> bool:
        return self._window < min(self._threshold, self.largest)

    @property
    def unloaded(self) -> float | None:
        """Seconds per kill while the portal has nothing else of ours to do. None: not measured yet."""
        return self._unloaded.each if self._unloaded.kills else None

    def sent(self) -> None:
        """A request of kills is about to go."""
        self._sent += 1

    def held_back(self) -> None:
        """A request has a place, and waits for the operating budget: what is in flight is less than the window, and as
        many as it are enough, about: from here on it grows one by one, as TCP's does behind its ssthresh.
        """
        self._held, self._threshold = True, min(self._threshold, self._window)

    def round_is_out(self, asking: int = 0) -> bool:
        """All requests of this round went, `asking` ones that are about to go included, and not all are answered."""
        return self._sent + asking >= self._window > self._answers

    def answered(self, count: int, seconds: float, *, window: int, busy: int) -> None:
        """A request of `count` kills took the portal `seconds`, the way there and back taken off.

        It was sent under `window`, as one of `busy` that were then in flight.
        """
        self._note(broke=False)
        if count < 1 or window != self._window:
            return  # it was sent before the last step, and says nothing about it
        seconds = max(seconds, 1e-6 * count)
        self._seen += 1
        self._round.add(seconds, count)
        self._answers, self._busiest = self._answers + 1, max(self._busiest, busy)
        if window == 1:
            self._unloaded.add(seconds, count)
        if self._answers >= window and self._round.kills >= self._FEWEST:
            self._decide(self._round)

    def broke(self) -> None:
        """A request broke.

        A few may have any reason, and cost nothing here: a queue of ours would show in the seconds per kill. Many
        among the last ones are a portal in trouble: multiplicative decrease, once for all that were in flight together.
        """
        self._note(broke=True)
        much = max(self._MANY_BROKE, self._BROKEN_PART * len(self._lately))
        if len(self._lately) > self._window and sum(self._lately) > much:
            self._unnoted = self._window
            self._lately.clear()
            self._before, self._threshold = None, self._window
            self._step(self._window // 2)

    def near_the_end(self) -> None:
        """There is too little left to seek anything: the window goes back to where it rested, and stays."""
        self._sure_until = inf
        if self._before is not None:
            self._before = None
            self._step(self._rested[0])

    def _note(self, *, broke: bool) -> None:
        """Of what was in flight together with what halved the window, nothing more is concluded."""
        self._unnoted = max(0, self._unnoted - 1)
        if not self._unnoted:
            self._lately.append(broke)
        while len(self._lately) > 2 * self._window:
            self._lately.popleft()

    def _decide(self, seen: Mean) -> None:
        if self._before is not None:
            self._sought(seen, *self._before)
            return
        if not self._unloaded.kills or self._has_changed(seen):
            self._unloaded, self._threshold, self._too_slow, self._sure_until = replace(seen), inf, inf, 0
            self._fastest = None
        ratio, doubt = seen.each / self._unloaded.each, sqrt(seen.error + self._unloaded.error)
        surely = max(ratio / (1 + doubt), self._over_fastest(seen))
        if self._window > 1 and (ratio if doubt < self._CERTAIN else surely) > self._slowdown:
            self._go_back(seen, ratio)
        elif self._multiplies and surely < self._NO_QUEUE:
            self._grow(max(self._window + 1, self._multiplied, self._known))
        elif seen.kills < self._ENOUGH:
            self._tasting &= self._answers < 2 * self._window  # short batches do not tell; longer ones will
            return  # too few kills yet: the round goes on
        elif surely < self._BAND:
            self._grow(self._window + 1)
        elif self._should_seek:
            self._seek(seen)
        else:
            self._stay()
        self.slowdown = ratio

    def _over_fastest(self, seen: Mean) -> float:
        """How many times as long as in the fastest round so far it surely was: no round is faster than unloaded."""
        if seen.kills < self._FAIR:
            return 0.0
        fastest = self._fastest or seen
        if seen.each <= fastest.each:
            self._fastest = replace(seen)
        return seen.each / fastest.each / (1 + sqrt(seen.error + fastest.error))

    def _seek(self, seen: Mean) -> None:
        """What is unloaded was told by a few kills only: go down until kills do not get faster in proportion."""
        if self._before is None:
            self._rested = (self._window, seen.each)
        self._before = (self._window, seen.each)
        self._threshold, self._tasting = self._window, False
        self._step(int(self._window / self._slowdown))

    def _sought(self, seen: Mean, window: int, each: float) -> None:
        """What was found under a smaller window than the one before, under which kills took `each`."""
        if seen.kills < 1.5 * self._FAIR:
            return
        part = self._window / window
        no_queue = seen.each > each * (part + self._SLOWER * (1 - part))
        if self._window > 1 and not (no_queue and seen.each < self._slowdown * self._unloaded.each):
            self._seek(seen)
            return
        self._unloaded, self._fastest, self._before, self._too_slow = replace(seen), replace(seen), None, inf
        self._sure_until = self._seen + self._RELIED_ON
        rested, queue = self._rested[0], self._rested[1] / seen.each
        back = rested if queue <= self._slowdown else int(rested * self._slowdown / queue)
        self._grow(max(self._window + 1, int(self._window * self._slowdown), back))

    def _has_changed(self, seen: Mean) -> bool:
        """Whether the portal, or what is killed, has become another, so that what was unloaded is so no more.

        Kills that became slower are told from a queue of ours only while one request is in flight.
        """
        off = seen.each / self._unloaded.each - 1
        return off < -2 * sqrt(seen.error) or (self._window == 1 and off > 2 * sqrt(seen.error))

    def _go_back(self, seen: Mean, ratio: float) -> None:
        self._too_slow, self._retry_at = self._window, self._seen + self._retry
        self._retry = min(2 * self._retry, self._LATEST_RETRY)
        self._step(min(self._window - 1, int(self._window * self._slowdown / ratio)))
        self._threshold, self._tasting = self._window, False

    def _grow(self, wanted: int) -> None:
        self._known = 1
        if self._seen >= self._retry_at:
            self._too_slow = inf
        if self._tasting and self._window > 1 and self._round.each < self._NO_QUEUE * self._unloaded.each:
            self._unloaded.add(self._round.seconds, self._round.kills, self._round.requests)
        used = self._busiest >= self._window - 1 and not self._held  # a window that was not filled proves nothing
        self._tasting &= used
        following = int(min(wanted if used else self._window, self._too_slow - 1, self.largest))
        if following == self._window and used and self._should_seek:
            self._seek(self._round)
        else:
            self._step(following)

    def _stay(self) -> None:
        self._threshold, self._tasting = self._window, False
        self._step(self._window)

    def _step(self, window: int) -> None:
        if window != self._window:
            self._window, self._stepped_at = max(1, window), self._seen
        self._round, self._sent, self._answers, self._busiest, self._held = Mean(), 0, 0, 0, False
