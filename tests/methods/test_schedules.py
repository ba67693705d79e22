import numpy as np
import pytest

from jaxgan.errors import UserError
from jaxgan.methods.schedules import Constant, CosineDecay, LinearDecay, StepDecay, check_length

# By hand, for a learning rate of 2.
CASES = [
    (Constant(), {0: 2, 1000: 2}),
    (LinearDecay(constant_steps=100, decay_steps=100), {0: 2, 100: 2, 150: 1, 200: 0, 900: 0}),
    (CosineDecay(decay_steps=100), {0: 2, 50: 1, 100: 0, 200: 0}),
    (StepDecay(interval=50), {0: 2, 49: 2, 50: 0.2, 99: 0.2, 100: 0.02}),
]


@pytest.mark.parametrize(("schedule", "values"), CASES)
def test_values(schedule, values):
    learning_rate = schedule.scale(2.0)
    for step, value in values.items():
        np.testing.assert_allclose(learning_rate(step), value, atol=1e-6)


# The papers' schedules over 1,000 steps, and shares, steps or both in place of the defaults.
RELATIVE = [
    (LinearDecay(), {0: 2, 500: 2, 750: 1, 1000: 0}),
    (LinearDecay(constant_share=0.0), {0: 2, 500: 1, 1000: 0}),
    (LinearDecay(constant_steps=800), {800: 2, 900: 1, 1000: 0}),
    (LinearDecay(constant_steps=100, decay_steps=100), {100: 2, 150: 1, 200: 0, 1000: 0}),
    (CosineDecay(), {0: 2, 500: 1, 1000: 0}),
    (StepDecay(), {0: 2, 249: 2, 250: 0.2, 999: 0.002}),
    (StepDecay(interval=600), {599: 2, 600: 0.2, 1000: 0.2}),
    (Constant(), {0: 2, 1000: 2}),
]


@pytest.mark.parametrize(("schedule", "values"), RELATIVE)
def test_a_schedule_follows_the_length_of_the_run_unless_it_is_given_in_steps(schedule, values):
    learning_rate = schedule.over(1000).scale(2.0)
    for step, value in values.items():
        np.testing.assert_allclose(learning_rate(step), value, atol=1e-6)


def test_a_schedule_that_needs_a_length_says_so():
    for schedule in (LinearDecay(), CosineDecay(), StepDecay()):
        with pytest.raises(ValueError, match=r"call over\(steps\)"):
            schedule.scale(2.0)


def test_a_run_that_is_longer_or_shorter_than_its_schedule_is_warned_of(capsys):
    schedule = LinearDecay(constant_steps=100, decay_steps=100)
    for steps, line in (
        (200, ""),
        (300, "warning: the learning rate is zero from step 200 on; the run has 300 steps\n"),
        (
            50,
            "warning: the run ends at step 50, and the learning rate reaches zero at step 200\n",
        ),
    ):
        check_length(schedule, 0, steps)
        assert capsys.readouterr().out == line
    with pytest.raises(UserError, match="zero from step 200 on and the run is at step 200"):
        check_length(schedule, 200, 300)
    check_length(LinearDecay().over(300), 200, 300)
    check_length(Constant(), 200, 300)
    assert not capsys.readouterr().out


def test_impossible_schedules_are_refused():
    with pytest.raises(ValueError, match="decay_steps"):
        LinearDecay(constant_steps=0, decay_steps=0)
    with pytest.raises(ValueError, match="factor"):
        StepDecay(interval=10, factor=1.0)
