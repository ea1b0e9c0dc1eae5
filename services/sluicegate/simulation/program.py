"""A program of the simulated world: it runs, is stopped for a while, is killed, starts anew."""

from collections import deque

from sluicegate.simulation.agenda import Action


class Program:
    """Whether a program runs. Each of its lives has a number; what an old life began is void."""

    def __init__(self) -> None:
        self.life = 0
        self.alive = False
        self.paused = False
        self._put_off: deque[tuple[int, Action]] = deque()

    def start(self) -> None:
        """Begins the next life."""
        self.life += 1
        self.alive, self.paused = True, False
        self._put_off.clear()

    def kill(self) -> None:
        """Ends its life without a word."""
        self.alive = self.paused = False
        self._put_off.clear()

    def pause(self) -> None:
        """Stops it where it is; it notices nothing."""
        self.paused = self.alive

    def resume(self) -> None:
        """Lets it go on, with all that came meanwhile."""
        self.paused = False
        while self._put_off and not self.paused:
            self.do(*self._put_off.popleft())

    def do(self, life: int, action: Action) -> bool:
        """Does something now, or when it is no longer paused; False if that life is over."""
        if not self.alive or life != self.life:
            return False
        if self.paused:
            self._put_off.append((life, action))
        else:
            action()
        return True
