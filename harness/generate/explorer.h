// Explorer: what one worker process of a campaign does - runs chunks, shrinks deviations, and tells its
// parent in JSON lines.
#pragma once

#include "harness/generate/campaign.h"

namespace ovlcheck::generate {

// Lines written to `out`: {"chunk": N, "counts": ..., "findings": {SIGNATURE: {...}}, "partial": BOOL} after
// each chunk, {"at": N} before, {"counts_so_far": ...} now and then; {"broken": "why"} if it cannot go on.
// Enters a sandbox, so that the calling process is of no other use afterwards. Returns the exit status.
int explore(const CampaignRequest& request, const std::vector<size_t>& chunks, int out);

Json json_from_counts(const CampaignCounts& counts);
CampaignCounts counts_from_json(const Json& json);

}  // namespace ovlcheck::generate
