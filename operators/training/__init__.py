"""Tasks of the training area: choose the data, tune, train, evaluate, register, confirm."""

from operators.training.compare import CompareRunsOperator
from operators.training.confirm import ConfirmModelOperator, RegisterModelOperator
from operators.training.jobs import EvaluateOperator, TestModelOperator, TrainOperator, TuneOperator
from operators.training.reproduce import ReproduceOperator
from operators.training.split import ChooseSplitOperator

__all__ = [
    "ChooseSplitOperator",
    "CompareRunsOperator",
    "ConfirmModelOperator",
    "EvaluateOperator",
    "RegisterModelOperator",
    "ReproduceOperator",
    "TestModelOperator",
    "TrainOperator",
    "TuneOperator",
]
