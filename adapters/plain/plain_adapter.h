// PlainAdapter: a flat copy of the merged tree in one directory - the control that shows which differences
// are not overlay's.
#pragma once

#include <memory>

#include "adapters/adapter.h"

namespace ovlcheck {

std::unique_ptr<Adapter> make_plain_adapter();

}  // namespace ovlcheck
