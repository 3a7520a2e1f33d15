"""Client, worker and receiver for Ringback, which runs slow API operations in the background and rings back when they end."""

from .aio import AsyncClient
from .client import Client
from .errors import FieldFault, RingbackError
from .model import (
    BatchItem,
    Callback,
    Delivery,
    DeliveryFilter,
    Event,
    Flow,
    HistoryEntry,
    Operation,
    OperationFilter,
    Result,
    SubmitRequest,
    TypeDeclaration,
    has_ended,
)
from .receiver import Receiver
from .verify import WebhookVerificationError, verify

from .worker import Context, Done, Failure, Stopped, Worker

__all__ = [
    "AsyncClient",
    "BatchItem",
    "Callback",
    "Client",
    "Context",
    "Delivery",
    "DeliveryFilter",
    "Done",
    "Event",
    "Failure",
    "FieldFault",
    "Flow",
    "HistoryEntry",
    "Operation",
    "OperationFilter",
    "Receiver",
    "Result",
    "RingbackError",
    "Stopped",
    "SubmitRequest",
    "TypeDeclaration",
    "WebhookVerificationError",
    "Worker",
    "has_ended",
    "verify",
]
