#include "adapters/fuse/command.h"

#include <gtest/gtest.h>

namespace ovlcheck {
namespace {

LayerDirs layers(size_t lowers, bool upper = true) {
  LayerDirs dirs;
  dirs.path = "/c";
  for (size_t i = 0; i < lowers; ++i) dirs.lowers.push_back("lower" + std::to_string(i));
  if (upper) dirs.upper = "upper", dirs.work = "work";
  return dirs;
}

std::string line(const Descriptor& descriptor, const LayerDirs& dirs, const Options& options = {}) {
  const auto argv = mount_command(descriptor, dirs, options);
  if (!argv) return "error " + std::to_string(argv.error().error) + ": " + argv.error().message;
  std::string all;
  for (const std::string& argument : *argv) all += (all.empty() ? "" : " ") + argument;
  return all;
}

TEST(MountCommand, OfFuseOverlayfs) {
  const Descriptor d = shipped_descriptor("fuse-overlayfs");
  EXPECT_EQ(line(d, layers(1)),
            "fuse-overlayfs -f -o lowerdir=/c/lower0,upperdir=/c/upper,workdir=/c/work /c/merged");
  EXPECT_EQ(line(d, layers(3)),
            "fuse-overlayfs -f -o lowerdir=/c/lower0:/c/lower1:/c/lower2,upperdir=/c/upper,workdir=/c/work "
            "/c/merged");
  EXPECT_EQ(line(d, layers(2, false)), "fuse-overlayfs -f -o lowerdir=/c/lower0:/c/lower1 /c/merged");
  EXPECT_EQ(line(d, layers(1), {{"redirect_dir", "off"}, {"volatile", ""}, {"index", "off"}}),
            "fuse-overlayfs -f -o lowerdir=/c/lower0,upperdir=/c/upper,workdir=/c/work,volatile /c/merged");
}

TEST(MountCommand, OfUnionfsFuse) {
  const Descriptor d = shipped_descriptor("unionfs-fuse");
  const std::string options = "hide_meta_files,allow_other,default_permissions,use_ino";
  EXPECT_EQ(line(d, layers(1)), "unionfs -f -o cow," + options + " /c/upper=RW:/c/lower0=RO /c/merged");
  EXPECT_EQ(line(d, layers(3)),
            "unionfs -f -o cow," + options + " /c/upper=RW:/c/lower0=RO:/c/lower1=RO:/c/lower2=RO /c/merged");
  EXPECT_EQ(line(d, layers(1, false)), "unionfs -f -o " + options + " /c/lower0=RO /c/merged");
}

TEST(MountCommand, OfMergerfs) {
  const Descriptor d = shipped_descriptor("mergerfs");
  const std::string start = "mergerfs -f -o category.create=ff,minfreespace=0,allow_other,use_ino ";
  EXPECT_EQ(line(d, layers(1)), start + "/c/upper=RW:/c/lower0=RO /c/merged");
  EXPECT_EQ(line(d, layers(3)), start + "/c/upper=RW:/c/lower0=RO:/c/lower1=RO:/c/lower2=RO /c/merged");
  EXPECT_EQ(line(d, layers(1, false)), start + "/c/lower0=RO /c/merged");
}

TEST(MountCommand, OfAufs) {
  const Descriptor d = shipped_descriptor("aufs");
  EXPECT_EQ(line(d, layers(1)), "mount -t aufs -o br=/c/upper=rw:/c/lower0=ro+wh none /c/merged");
  EXPECT_EQ(line(d, layers(3)),
            "mount -t aufs -o br=/c/upper=rw:/c/lower0=ro+wh:/c/lower1=ro+wh:/c/lower2=ro+wh none /c/merged");
  EXPECT_EQ(line(d, layers(1, false)), "mount -t aufs -o ro,br=/c/lower0=ro+wh none /c/merged");
}

TEST(MountCommand, RepeatsAnArgumentPerLowerWithoutASeparator) {
  Descriptor d;
  d.mount = {"prog", "-l", "{lower}", "--also={lower}", "{upper}", "{mount}"};
  d.lower = "<{path}>";
  EXPECT_EQ(line(d, layers(2)),
            "prog -l </c/lower0> </c/lower1> --also=</c/lower0> --also=</c/lower1> /c/upper /c/merged");
}

TEST(MountCommand, RefusesWhatTheProgramDoesNotHave) {
  const Descriptor d = shipped_descriptor("fuse-overlayfs");
  EXPECT_EQ(line(d, layers(1), {{"redirect_dir", "on"}}), "error 22: fuse-overlayfs has no redirect_dir=on");
  EXPECT_EQ(line(d, layers(1), {{"userxattr", ""}}),
            "error 22: fuse-overlayfs has no mount option userxattr");
  LayerDirs dirs = layers(1);
  dirs.path = "/a:b";
  EXPECT_EQ(line(d, dirs), "error 22: the path /a:b holds characters that separate layers or options");
  dirs = layers(1);
  dirs.data = {"data0"};
  EXPECT_EQ(line(d, dirs), "error 22: fuse-overlayfs has no data-only layers");
  EXPECT_EQ(line(descriptor_for_command("p {lower} {upper} {mount}"), layers(1, false)),
            "error 22: p has no mounts without an upper layer");
}

TEST(MountCommand, LeavesItToAProgramOfTheKernelsOptionsToRefuseNonsense) {
  const Descriptor userlay = shipped_descriptor("userlay-fuse");
  EXPECT_FALSE(unsupported(userlay, "index", "maybe"));
  EXPECT_FALSE(unsupported(userlay, "xino", ""));
  EXPECT_TRUE(unsupported(userlay, "nfs_export", "on"));
  EXPECT_TRUE(unsupported(shipped_descriptor("fuse-overlayfs"), "index", "maybe"));
}

TEST(MountCommand, OfATemplatePassesTheKernelsOptionsOn) {
  const Descriptor d = descriptor_for_command("p -o a={lower},b={upper}{options} {mount}");
  EXPECT_EQ(line(d, layers(2), {{"metacopy", "off"}, {"volatile", ""}}),
            "p -o a=/c/lower0:/c/lower1,b=/c/upper,metacopy=off,volatile /c/merged");
}

TEST(EffectiveOptions, AreThoseAskedForOverTheProgramsOwn) {
  const Descriptor d = shipped_descriptor("fuse-overlayfs");
  const Options all = effective_options(d, {{"redirect_dir", "nofollow"}, {"volatile", ""}});
  EXPECT_EQ(all.at("redirect_dir"), "nofollow");
  EXPECT_EQ(all.at("index"), "off");
  EXPECT_EQ(all.at("volatile"), "");
  EXPECT_FALSE(effective_options(d, {}).contains("volatile"));
}

TEST(Placeholders, AreFoundAndFilled) {
  EXPECT_EQ(placeholders("a{x}b{y}{"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(filled("a{x}b{y}{z}{", {{"x", "{y}"}, {"y", "1"}}), "a{y}b1{z}{");
}

}  // namespace
}  // namespace ovlcheck
