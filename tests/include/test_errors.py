import pytest

from include.errors import FinalError, of_the_machine


class Refused(FinalError, OSError):
    pass


@pytest.mark.parametrize(
    ("cause", "wanted"),
    [
        (ConnectionError("the hub does not answer"), True),
        (OSError(28, "No space left on device"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: device-side assert triggered"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("no memory of it"), False),
        (ZeroDivisionError(), False),
        (Refused("a rule"), False),
    ],
)
def test_what_another_try_may_cure(cause, wanted):
    assert of_the_machine(cause) is wanted
