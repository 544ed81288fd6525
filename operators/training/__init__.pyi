from .code import CheckCodeOperator
from .compare import CompareRunsOperator
from .confirm import AskConfirmationOperator, ConfirmModelOperator, RegisterModelOperator
from .experiments import AskDeletionOperator, ChangeExperimentOperator
from .jobs import EvaluateOperator, TestModelOperator, TrainOperator, TuneOperator
from .reproduce import ReproduceOperator
from .split import ChooseSplitOperator

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
