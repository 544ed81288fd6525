"""Tasks of the training area: choose the data, tune, train, evaluate, register, confirm."""

from operators.training.code import CheckCodeOperator
from operators.training.compare import CompareRunsOperator
from operators.training.confirm import AskConfirmationOperator, ConfirmModelOperator, RegisterModelOperator
from operators.training.experiments import AskDeletionOperator, ChangeExperimentOperator
from operators.training.jobs import EvaluateOperator, TestModelOperator, TrainOperator, TuneOperator
from operators.training.reproduce import ReproduceOperator
from operators.training.split import ChooseSplitOperator

__all__ = [
    "AskConfirmationOperator",
    "AskDeletionOperator",
    "ChangeExperimentOperator",
    "CheckCodeOperator",
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
