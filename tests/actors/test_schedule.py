"""Which effects may be tried: in the order of their stream, after their delays, past nothing that is parked."""

from twofold.actors.schedule import Schedule, Scheduled

ALL = 1 << 62


def effect(position: int, stream: str = "account-1", ordinal: int = 0) -> Scheduled:
    return Scheduled(f"{position}/{ordinal}", position, ordinal, stream)


def filled(*effects: Scheduled, by_stream: bool = True) -> Schedule:
    schedule = Schedule(by_stream=by_stream)
    for each in effects:
        schedule.add(each, 0.0)
    return schedule


def taken(schedule: Schedule, now: float = 0.0, limit: int = 10, upto: int = ALL) -> list[int]:
    return [each.position for each in schedule.take(limit, now, upto)]


def test_the_effects_of_a_stream_leave_one_after_the_other() -> None:
    first, second = effect(1), effect(2)
    schedule = filled(first, second)
    assert taken(schedule) == [1]
    assert taken(schedule) == []
    schedule.finish(first, 0.0)
    assert taken(schedule) == [2]
    schedule.finish(second, 0.0)
    assert (schedule.waiting, schedule.taken) == (0, 0)


def test_several_effects_of_one_event_leave_in_the_order_of_their_ordinals() -> None:
    schedule = filled(effect(1, ordinal=0), effect(1, ordinal=1))
    (first,) = schedule.take(10, 0.0, ALL)
    schedule.finish(first, 0.0)
    (second,) = schedule.take(10, 0.0, ALL)
    assert (first.ordinal, second.ordinal) == (0, 1)


def test_streams_do_not_wait_for_one_another_and_the_oldest_leaves_first() -> None:
    schedule = filled(effect(1, "a"), effect(2, "a"), effect(3, "b"), effect(4, "c"))
    assert taken(schedule, limit=2) == [1, 3]
    assert taken(schedule) == [4]


def test_a_stream_waits_for_the_retry_of_its_first_effect() -> None:
    first, second = effect(1), effect(2)
    schedule = filled(first, second)
    schedule.take(1, 0.0, ALL)
    schedule.delay(first, 5.0, failed=True)
    assert taken(schedule, now=4.9) == []
    assert schedule.next_due() == 5.0
    (again,) = schedule.take(10, 5.0, ALL)
    assert (again.position, again.failures) == (1, 1)


def test_a_delay_that_is_no_failure_of_the_effect_does_not_count() -> None:
    only = effect(1)
    schedule = filled(only)
    schedule.take(1, 0.0, ALL)
    schedule.delay(only, 1.0, failed=False)
    (again,) = schedule.take(1, 1.0, ALL)
    assert again.failures == 0


def test_a_parked_effect_holds_back_its_own_stream_only_and_is_not_waited_for() -> None:
    first = effect(1, "a")
    schedule = filled(first, effect(2, "a"), effect(3, "b"))
    (parked, other) = schedule.take(10, 0.0, ALL)
    schedule.park(parked)
    schedule.finish(other, 0.0)
    assert taken(schedule) == []
    assert schedule.waiting == 0
    schedule.add(effect(4, "a"), 0.0)
    assert (taken(schedule), schedule.waiting) == ([], 0)


def test_a_released_effect_is_tried_before_those_that_it_held_back() -> None:
    schedule = Schedule(by_stream=True)
    schedule.add_parked(effect(1))
    schedule.add(effect(2), 0.0)
    schedule.release("1/0", 0.0, again=True)
    (first,) = schedule.take(10, 0.0, ALL)
    schedule.finish(first, 0.0)
    assert (first.position, taken(schedule)) == (1, [2])


def test_an_effect_that_is_given_up_lets_those_behind_it_go() -> None:
    schedule = Schedule(by_stream=True)
    schedule.add_parked(effect(1))
    schedule.add_parked(effect(2))
    schedule.add(effect(3), 0.0)
    schedule.release("2/0", 0.0, again=False)
    assert taken(schedule) == [], "the first is still parked"
    schedule.release("1/0", 0.0, again=False)
    assert taken(schedule) == [3]
    schedule.release("unknown", 0.0, again=True)


def test_an_effect_released_behind_a_parked_one_waits_for_that() -> None:
    schedule = Schedule(by_stream=True)
    schedule.add_parked(effect(1))
    schedule.add_parked(effect(2))
    schedule.release("2/0", 0.0, again=True)
    assert taken(schedule) == []
    schedule.release("1/0", 0.0, again=False)
    assert taken(schedule) == [2]


def test_what_comes_with_a_released_effect_leaves_right_behind_it() -> None:
    schedule = Schedule(by_stream=True)
    schedule.add_parked(effect(1))
    schedule.add_parked(effect(2))
    schedule.add(effect(3), 0.0)
    schedule.release("2/0", 0.0, again=True, more=[effect(2, ordinal=1), effect(2, ordinal=2)])
    schedule.release("1/0", 0.0, again=True, more=[effect(1, ordinal=1)])
    left = list[str]()
    while found := schedule.take(10, 0.0, ALL):
        left += [each.effect_id for each in found]
        for each in found:
            schedule.finish(each, 0.0)
    assert left == ["1/0", "1/1", "2/0", "2/1", "2/2", "3/0"]


def test_without_an_order_what_comes_with_a_released_effect_may_leave_with_it() -> None:
    schedule = Schedule(by_stream=False)
    schedule.add_parked(effect(1))
    schedule.release("1/0", 0.0, again=True, more=[effect(1, ordinal=1)])
    assert len(schedule.take(10, 0.0, ALL)) == 2


def test_without_an_order_neither_a_parked_effect_nor_a_retry_holds_back_another() -> None:
    first = effect(1)
    schedule = filled(first, effect(2), by_stream=False)
    schedule.add_parked(effect(3))
    schedule.add(effect(4), 0.0)
    assert taken(schedule) == [1, 2, 4]
    schedule.delay(first, 9.0, failed=True)
    schedule.add(effect(5), 0.0)
    assert taken(schedule) == [5]


def test_nothing_leaves_whose_event_is_past_the_mark() -> None:
    schedule = filled(effect(1, "a"), effect(2, "b"), effect(3, "c"))
    assert taken(schedule, upto=2) == [1, 2]
    assert schedule.waiting == 3
    assert taken(schedule, upto=3) == [3]
