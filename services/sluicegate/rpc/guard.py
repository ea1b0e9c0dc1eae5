"""The interceptor in front of every method: checks what comes in, translates what goes wrong."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn, TypeAlias

import grpc
from google.protobuf.message import Message

from sluicegate.rpc.refusals import DETAILS_KEY, Refusal, to_status
from sluicegate.rpc.text import one_line
from sluicegate.rpc.validation import check

log = logging.getLogger(__name__)

# Quoted: only the stubs know these as generic.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Details = grpc.HandlerCallDetails


class Guard(grpc.aio.ServerInterceptor):
    """No method sees a message that breaks the contract's rules, and no caller sees a traceback.

    Refusals, also when raised inside a task group, become rich statuses. Anything else is a fault
    of this program: INTERNAL in one line, and the traceback in the log.
    """

    async def intercept_service(
        self, continuation: Callable[[Details], Awaitable[Handler]], details: Details
    ) -> Handler:
        """The method's handler, guarded."""
        handler = await continuation(details)
        if handler is None:
            return handler
        return _guarded(handler, details.method)


def _guarded(handler: Any, method: str) -> Handler:  # noqa: ANN401  # grpc's handlers are untyped
    codecs = (handler.request_deserializer, handler.response_serializer)
    incoming = _checked_stream if handler.request_streaming else _checked
    match handler.request_streaming, handler.response_streaming:
        case True, True:
            behavior, make = handler.stream_stream, grpc.stream_stream_rpc_method_handler
        case False, True:
            behavior, make = handler.unary_stream, grpc.unary_stream_rpc_method_handler
        case True, False:
            behavior, make = handler.stream_unary, grpc.stream_unary_rpc_method_handler
        case _:
            behavior, make = handler.unary_unary, grpc.unary_unary_rpc_method_handler
    # A method that streams yields its messages, or writes them itself as that of health does.
    wrap = _streaming if inspect.isasyncgenfunction(behavior) else _answering
    return make(wrap(behavior, incoming, method), *codecs)


def _checked(request: Message) -> Message:
    check(request)
    return request


async def _checked_stream(requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
    async for request in requests:
        check(request)
        yield request


def _answering(behavior: Any, incoming: Any, method: str) -> Any:  # noqa: ANN401
    async def answer(request: Any, context: Context) -> Any:  # noqa: ANN401
        try:
            return await behavior(incoming(request), context)
        except BaseException as error:
            await _end(error, context, method)

    return answer


def _streaming(behavior: Any, incoming: Any, method: str) -> Any:  # noqa: ANN401
    async def stream(request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401
        try:
            async with aclosing(behavior(incoming(request), context)) as responses:
                async for response in responses:
                    yield response
        except GeneratorExit:
            raise
        except BaseException as error:
            await _end(error, context, method)

    return stream


async def _end(error: BaseException, context: Context, method: str) -> NoReturn:
    """Ends a call as its error asks for."""
    if refusal := _refusal_in(error):
        status = to_status(refusal)
        code = _CODES[status.code]
        details = ((DETAILS_KEY, status.SerializeToString()),)
        await context.abort(code, status.message, details)
    if isinstance(error, asyncio.CancelledError):
        # Else a call that ran out of time, or was given up, looks well in its trace.
        context.set_code(grpc.StatusCode.CANCELLED)
        raise error
    if isinstance(error, grpc.aio.AbortError) or not isinstance(error, Exception):
        raise error
    log.error("%s failed", method, exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, one_line(f"{type(error).__name__}: {error}"))


_CODES = {code.value[0]: code for code in grpc.StatusCode}


def _refusal_in(error: BaseException) -> Refusal | None:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_refusal_in, error.exceptions)), None)
    return None
