// Campaign report: what a campaign did and found, in words and as a picture.
#pragma once

#include <string>

#include "harness/generate/campaign.h"

namespace ovlcheck::generate {

// Markdown: what was compared, rates, coverage, outcomes by form and errno, deviations by signature,
// findings.
std::string campaign_markdown(const CampaignRequest& request, const CampaignResult& result);

// A standalone SVG picture: which shares of the operations x errno, of the operations x states x errno and of
// the states that were met in the end had been met by then, over seconds.
std::string campaign_svg(const CampaignResult& result);

}  // namespace ovlcheck::generate
