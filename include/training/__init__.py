"""Training: search, train, evaluate, register, confirm; states of a model."""

from include.training.card import model_card
from include.training.confirm import confirm
from include.training.confirmation import confirm_answered, confirmation_form, record_confirmation
from include.training.device import on_cpu
from include.training.download import download
from include.training.errors import ConfirmationError, ExperimentError, GateError, InputError, StateError, TrainingError
from include.training.evaluate import evaluate, measure
from include.training.experiments import create_experiment, experiments
from include.training.experiments_deletion import delete_experiment, what_is_lost
from include.training.experiments_question import delete_answered, deletion_form, record_deletion_answer
from include.training.learners import Fitted, Learner, learner, predict
from include.training.models import load_model, model_info
from include.training.preparation import Preparation
from include.training.register import register
from include.training.reproducibility import code_digest
from include.training.reproduction import reproduce
from include.training.states import STATES, set_state, state_history
from include.training.train import train
from include.training.tune import tune

__all__ = [
    "STATES",
    "ConfirmationError",
    "ExperimentError",
    "Fitted",
    "GateError",
    "InputError",
    "Learner",
    "Preparation",
    "StateError",
    "TrainingError",
    "code_digest",
    "confirm",
    "confirm_answered",
    "confirmation_form",
    "create_experiment",
    "delete_answered",
    "delete_experiment",
    "deletion_form",
    "download",
    "evaluate",
    "experiments",
    "learner",
    "load_model",
    "measure",
    "model_card",
    "model_info",
    "on_cpu",
    "predict",
    "record_confirmation",
    "record_deletion_answer",
    "register",
    "reproduce",
    "set_state",
    "state_history",
    "train",
    "tune",
    "what_is_lost",
]
