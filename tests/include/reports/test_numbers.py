import math

import pytest

from include.reports.numbers import short


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.99996, "0.99996"),
        (1.00004, "1.00004"),
        (-0.999996, "-0.999996"),
        (0.9999999999, "1"),
        (1.0, "1"),
        (0.0, "0"),
        (0.12345678, "0.1235"),
        (1e-7, "1e-07"),
        (12.00001, "12"),
        (1234.56, "1,235"),
        (123456.7, "123,457"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_a_number_never_reads_as_a_whole_one_that_it_is_not(value, said):
    assert short(value) == said
