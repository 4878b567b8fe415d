"""What the process imports that workers are forked from: each of them would import it for itself."""

from matinee.short_lived import leave_out

leave_out()

# PyArrow imports dateutil and masked arrays with the first list that it is given.
import dateutil.relativedelta  # type: ignore[import-untyped]  # noqa: E402, F401
import fsspec.implementations.local  # type: ignore[import-untyped]  # noqa: E402, F401
import numpy.ma  # noqa: E402, F401
import pyarrow.compute  # noqa: E402, F401, TID253
import pyarrow.parquet  # noqa: E402, F401, TID253

import matinee.landing.parts  # noqa: E402, F401
