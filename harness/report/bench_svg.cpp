// Charts of measured claims.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "harness/ops/figures.h"
#include "harness/report/bench_report.h"
#include "harness/report/xml.h"

namespace ovlcheck {
namespace {

// All in user units of the picture.
constexpr double kLeft = 74, kTop = 16, kWidth = 420, kHeight = 240, kBottom = 52, kLegend = 190;

constexpr const char* kStyle = R"(
  text { font: 11.5px system-ui, sans-serif; fill: #1f2328; }
  .tick, .axis { fill: #59636e; }
  .grid { stroke: #d1d9e0; stroke-width: 1; fill: none; }
  .page { fill: #ffffff; }
  .s0 { stroke: #656d76; fill: #656d76; } .s1 { stroke: #0550ae; fill: #0550ae; } .s2 { stroke: #bc4c00; fill: #bc4c00; }
  .s3 { stroke: #1a7f37; fill: #1a7f37; } .s4 { stroke: #8250df; fill: #8250df; } .s5 { stroke: #bf3989; fill: #bf3989; }
  .s6 { stroke: #9a6700; fill: #9a6700; } .s7 { stroke: #1b7c83; fill: #1b7c83; }
  path.line { fill: none; stroke-width: 1.8; } path.whisker { stroke-width: 1; opacity: .55; } rect.bar { stroke: none; opacity: .85; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .tick, .axis { fill: #9198a1; } .grid { stroke: #3d444d; } .page { fill: #0d1117; }
    .s0 { stroke: #9198a1; fill: #9198a1; } .s1 { stroke: #58a6ff; fill: #58a6ff; } .s2 { stroke: #f0883e; fill: #f0883e; }
    .s3 { stroke: #3fb950; fill: #3fb950; } .s4 { stroke: #bc8cff; fill: #bc8cff; } .s5 { stroke: #f778ba; fill: #f778ba; }
    .s6 { stroke: #d29922; fill: #d29922; } .s7 { stroke: #39c5cf; fill: #39c5cf; }
  }
)";

std::string text_at(double x, double y, const std::string& text, const char* classes, const char* anchor) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\" text-anchor=\"{}\">{}</text>\n", x, y,
                     classes, anchor, xml_escaped(text));
}

// The class of a series, so that a subject has one colour in all charts.
std::string colour(const std::string& subject, size_t index) {
  constexpr std::array<const char*, 6> known = {"native",       "kernel",         "volume",
                                                "userlay-fuse", "fuse-overlayfs", "unionfs-fuse"};
  const auto found = std::find(known.begin(), known.end(), subject);
  if (found != known.end()) return fmt::format("s{}", found - known.begin());
  return fmt::format("s{}", 6 + index % 2);
}

// A different shape for each, as colours alone tell nothing to some.
std::string marker(double x, double y, size_t index, const std::string& of) {
  switch (index % 4) {
    case 0:
      return fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.4\" class=\"{}\"/>\n", x, y, of);
    case 1:
      return fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"6.4\" height=\"6.4\" class=\"{}\"/>\n",
                         x - 3.2, y - 3.2, of);
    case 2:
      return fmt::format("<path d=\"M{:.1f} {:.1f}l4 7h-8z\" class=\"{}\"/>\n", x, y - 4, of);
    default:
      return fmt::format("<path d=\"M{:.1f} {:.1f}l4 4l-4 4l-4-4z\" class=\"{}\"/>\n", x, y - 4, of);
  }
}

class Picture {
 public:
  explicit Picture(const BenchChart& chart) : chart_(chart), bars_(!chart.places.empty()) {
    for (const auto& series : chart.series)
      for (const auto& point : series.points) {
        const auto [low, high] = std::minmax_element(point.values.begin(), point.values.end());
        low_ = std::min(low_, *low), high_ = std::max(high_, *high);
        first_ = std::min(first_, point.x), last_ = std::max(last_, point.x);
      }
    if (chart.share) {
      low_ = 0, high_ = 1;
    } else if (high_ > 0) {
      low_ = std::pow(10, std::floor(std::log10(std::max(low_, 1e-9))));
      high_ = std::pow(10, std::ceil(std::log10(std::max(high_, low_ * 1.01))));
    }
  }

  std::string draw() {
    const double width = kLeft + kWidth + kLegend, height = kTop + kHeight + kBottom;
    std::string svg = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:g} {1:g}\" width=\"{0:g}\" "
        "height=\"{1:g}\" role=\"img\" aria-label=\"{2}\">\n"
        "<style>{3}</style>\n<rect width=\"100%\" height=\"100%\" class=\"page\"/>\n",
        width, height, xml_escaped(chart_.claim), kStyle);
    svg += axes();
    for (size_t i = 0; i < chart_.series.size(); ++i) svg += bars_ ? bars(i) : line(i);
    return svg + legend() + "</svg>\n";
  }

 private:
  double y(double value) const {
    if (chart_.share) return kTop + kHeight * (1 - value);
    return kTop + kHeight * (1 - std::log(std::max(value, low_) / low_) / std::log(high_ / low_));
  }
  double x(double value) const {
    if (last_ <= first_) return kLeft + kWidth / 2;
    return kLeft + 12 + (kWidth - 24) * std::log(value / first_) / std::log(last_ / first_);
  }

  std::string axes() const {
    std::string svg;
    if (chart_.share)
      for (const double share : {0.0, 0.25, 0.5, 0.75, 1.0})
        svg += level(share, fmt::format("{:g} %", share * 100));
    else
      for (double value = low_; value <= high_ * 1.001; value *= 10) svg += level(value, duration(value));
    const double below = kTop + kHeight + 16;
    if (bars_) {
      for (size_t i = 0; i < chart_.places.size(); ++i)
        svg += text_at(kLeft + slot() * (static_cast<double>(i) + 0.5), below, chart_.places[i], "tick",
                       "middle");
    } else if (!chart_.series.empty()) {
      for (const auto& point : chart_.series.front().points)
        svg += text_at(x(point.x), below, place_name(chart_, point.x), "tick", "middle");
    }
    return svg + text_at(kLeft + kWidth / 2, below + 22, chart_.axis, "axis", "middle");
  }

  std::string level(double value, const std::string& words) const {
    return fmt::format("<path d=\"M{:g} {:.1f}h{:g}\" class=\"grid\"/>\n", kLeft, y(value), kWidth) +
           text_at(kLeft - 8, y(value) + 4, words, "tick", "end");
  }

  double slot() const { return kWidth / static_cast<double>(std::max<size_t>(chart_.places.size(), 1)); }

  static std::string whisker(double at, double from, double to, const std::string& of) {
    return fmt::format("<path d=\"M{:.1f} {:.1f}V{:.1f}\" class=\"whisker {}\"/>\n", at, from, to, of);
  }

  std::string line(size_t index) const {
    const auto& series = chart_.series[index];
    const std::string of = colour(series.subject, index);
    std::string path, marks;
    for (const auto& point : series.points) {
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x(point.x), y(point.median()));
      const auto [low, high] = std::minmax_element(point.values.begin(), point.values.end());
      marks += whisker(x(point.x), y(*low), y(*high), of) + marker(x(point.x), y(point.median()), index, of);
    }
    return fmt::format("<path d=\"{}\" class=\"line {}\"/>\n", path, of) + marks;
  }

  std::string bars(size_t index) const {
    const auto& series = chart_.series[index];
    const std::string of = colour(series.subject, index);
    const double width = std::min(26.0, slot() * 0.86 / static_cast<double>(chart_.series.size()));
    std::string svg;
    for (const auto& point : series.points) {
      const double middle = kLeft + slot() * (point.x + 0.5);
      const double left =
          middle + width * (static_cast<double>(index) - static_cast<double>(chart_.series.size()) / 2);
      const double top = std::min(y(point.median()), kTop + kHeight - 1);
      const auto [low, high] = std::minmax_element(point.values.begin(), point.values.end());
      svg += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" class=\"bar {}\"><title>{}: "
          "{}</title></rect>\n",
          left, top, width - 2, kTop + kHeight - top, of, xml_escaped(series.subject),
          chart_.share ? fmt::format("{:.0f} %", point.median() * 100) : duration(point.median()));
      svg += whisker(left + width / 2 - 1, y(*low), y(*high), of) +
             marker(left + width / 2 - 1, top - 7, index, of);
    }
    return svg;
  }

  std::string legend() const {
    std::string svg;
    for (size_t i = 0; i < chart_.series.size(); ++i) {
      const double at = kTop + 12 + 19 * static_cast<double>(i);
      svg += marker(kLeft + kWidth + 16, at - 4, i, colour(chart_.series[i].subject, i)) +
             text_at(kLeft + kWidth + 28, at, chart_.series[i].subject, "", "start");
    }
    return svg;
  }

  const BenchChart& chart_;
  const bool bars_;
  double low_ = 1e9, high_ = 0, first_ = 1e18, last_ = 0;
};

}  // namespace

std::string bench_svg(const BenchChart& chart) {
  return Picture(chart).draw();
}

}  // namespace ovlcheck
