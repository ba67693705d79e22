import numpy as np
import pytest

from jaxgan.schedules import Constant, CosineDecay, LinearDecay, StepDecay

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


def test_impossible_schedules_are_refused():
    with pytest.raises(ValueError, match="decay_steps"):
        LinearDecay(constant_steps=0, decay_steps=0)
    with pytest.raises(ValueError, match="factor"):
        StepDecay(interval=10, factor=1.0)
