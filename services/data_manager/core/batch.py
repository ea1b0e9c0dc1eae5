"""The sizes of sessions by the method of figures 4.1 to 4.3."""


def session_sizes(slices: int, sessions: int, slices_per_session: int, running: int) -> list[int]:
    """How many slices each session gets: full ones while there are enough, else spread evenly.

    What is spread is left in part for the streams of the run that are busy now, so that none of
    them finds the queue empty while another has several slices before it (R96).
    """
    share = min(slices_per_session, -(-slices // (sessions + running)))
    least, more = divmod(min(slices, sessions * share), sessions)
    return [least + (number < more) for number in range(sessions)]
