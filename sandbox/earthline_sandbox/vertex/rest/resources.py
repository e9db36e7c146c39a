"""What the parts of Vertex AI share that keep resources of one kind: their routes, names, answers and lists."""

from abc import abstractmethod
from typing import ClassVar

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from earthline_sandbox.errors import ApiError, not_found
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.rest import listing
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.routes import Call, Handler, Part, route
from earthline_sandbox.vertex.rest.store import Record, Store


class Resources(Part):
    """Resources of one kind, which the store has as `PARENT/KIND/ID`: created, read, listed and deleted.

    Attributes:
        absent: What the error for an unknown name says; `{name}` stands for the name.
    """

    absent: ClassVar[str] = "The resource {name} was not found."

    def __init__(self, settings: Settings, store: Store, operations: Operations, kind: str) -> None:
        """Serves the resources in `store`.

        Args:
            settings: The sandbox.
            store: Where the records are.
            operations: Where deletions are answered from.
            kind: Collection of the resources, such as `customJobs`.
        """
        self._settings = settings
        self._store = store
        self._operations = operations
        self._kind = kind

    def routes(self) -> list[Route]:
        """Routes of the collection and of one resource."""
        settings, one = self._settings, f"{self._kind}/{{id}}"
        return [
            route(settings, "POST", self._kind, self._create),
            route(settings, "GET", self._kind, self._list),
            route(settings, "GET", one, self._get),
            route(settings, "DELETE", one, self._delete),
        ]

    def _verb(self, verb: str, handler: Handler) -> Route:
        """The route of a method of one resource that has a name of its own, such as `cancel`."""
        return route(self._settings, "POST", f"{self._kind}/{{id}}:{verb}", handler)

    @abstractmethod
    def _create(self, call: Call) -> Record: ...

    @abstractmethod
    def _delete(self, call: Call) -> Record: ...

    def _name(self, call: Call) -> str:
        return f"{call.parent}/{self._kind}/{call.path['id']}"

    def _read(self, name: str) -> Record:
        """The resource of a name, as it is at this moment.

        Raises:
            ApiError: NOT_FOUND where there is none.
        """
        try:
            return self._present(self._store.get(name))
        except ApiError as error:
            if error.status != "NOT_FOUND":
                raise
            raise not_found(self.absent.format(name=name)) from None

    def _present(self, record: Record) -> Record:
        """A record of the store, with what the store does not know of this moment."""
        return record

    async def _get(self, call: Call) -> Record:
        return await run_in_threadpool(self._read, self._name(call))

    def _list(self, call: Call) -> Record:
        """A page, newest first unless `orderBy` says otherwise."""
        records = [self._present(record) for record in reversed(self._store.list(call.parent, self._kind))]
        return listing.page(records, self._kind, call.parameter)

    def _deleted(self, name: str) -> Record:
        """The answer to a deletion: an operation that is over."""
        return self._operations.done(name, "DeleteOperationMetadata", "Empty", {})
