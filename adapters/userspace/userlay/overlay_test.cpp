#include <linux/fs.h>
#include <sys/resource.h>

#include "adapters/userspace/userlay/test_support.h"

namespace userlay::testing {
namespace {

using Names = std::vector<std::string>;

class OverlayTest : public ::testing::Test {
 protected:
  void start(const std::string& extra = "") {
    overlay_.reset();
    overlay_ =
        mount(layers_.options(extra.empty() || marks().empty() ? extra + marks() : extra + "," + marks()));
    ASSERT_NE(overlay_, nullptr);
    paths_.emplace(*overlay_);
  }
  Paths& p() { return *paths_; }

  Layers layers_{2};
  std::unique_ptr<Overlay> overlay_;
  std::optional<Paths> paths_;
};

TEST_F(OverlayTest, ReadsTheTopmostFileAndMergesDirectories) {
  put(layers_.lower(0) / "d/f", "top");
  put(layers_.lower(1) / "d/f", "bottom");
  put(layers_.lower(1) / "d/g", "below");
  put(layers_.upper() / "d/h", "upper");
  start();
  EXPECT_EQ(p().read("d/f"), "top");
  EXPECT_EQ(p().read("d/g"), "below");
  EXPECT_EQ(p().list("d"), (Names{"f", "g", "h"}));
}

TEST_F(OverlayTest, WritingCopiesUpAndLeavesLowerAlone) {
  put(layers_.lower(0) / "d/f", "hello");
  start();
  EXPECT_EQ(p().write("d/f", " world", O_WRONLY | O_APPEND), 0);
  EXPECT_EQ(p().read("d/f"), "hello world");
  EXPECT_EQ(slurp(layers_.lower(0) / "d/f"), "hello");
  EXPECT_EQ(slurp(layers_.upper() / "d/f"), "hello world");
}

TEST_F(OverlayTest, InodeNumbersSurviveCopyUp) {
  put(layers_.lower(0) / "f", "x");
  start();
  const auto before = p().stat("f");
  EXPECT_EQ(p().write("f", "y", O_WRONLY), 0);
  EXPECT_EQ(p().stat("f").st_ino, before.st_ino);
  EXPECT_EQ(p().stat("f").st_dev, before.st_dev);
}

TEST_F(OverlayTest, ADescriptorOpenedBeforeCopyUpReadsTheNewData) {
  put(layers_.lower(0) / "f", "old");
  start();
  auto file = p().open("f", O_RDONLY);
  ASSERT_TRUE(file);
  EXPECT_EQ(Paths::read(**file), "old");
  EXPECT_EQ(p().write("f", "new", O_WRONLY), 0);
  EXPECT_EQ(Paths::read(**file), "new");
}

TEST_F(OverlayTest, AnUnlinkedOpenFileStaysReadable) {
  put(layers_.lower(0) / "lower", "l");
  put(layers_.upper() / "upper", "u");
  start();
  auto lower = p().open("lower", O_RDONLY);
  auto upper = p().open("upper", O_RDWR);
  EXPECT_EQ(p().unlink("lower"), 0);
  EXPECT_EQ(p().unlink("upper"), 0);
  EXPECT_EQ(Paths::read(**lower), "l");
  EXPECT_EQ(Paths::read(**upper), "u");
  EXPECT_EQ(overlay_->getattr((*upper)->node())->st_nlink, 0u);
  EXPECT_EQ(p().error("lower"), ENOENT);
  EXPECT_TRUE(is_whiteout(layers_.upper() / "lower"));
  EXPECT_FALSE(fs::exists(layers_.upper() / "upper"));
}

TEST_F(OverlayTest, ADirectoryMadeOverAWhiteoutIsOpaque) {
  put(layers_.lower(0) / "d/f", "x");
  start();
  EXPECT_EQ(p().rmdir("d"), ENOTEMPTY);
  EXPECT_EQ(p().unlink("d/f"), 0);
  EXPECT_EQ(p().rmdir("d"), 0);
  EXPECT_TRUE(is_whiteout(layers_.upper() / "d"));
  EXPECT_EQ(p().mkdir("d"), 0);
  EXPECT_EQ(p().list("d"), Names{});
  EXPECT_EQ(xattr_of(layers_.upper() / "d", mark_name("opaque")), "y");
}

TEST_F(OverlayTest, RenamingALowerFileLeavesAWhiteout) {
  put(layers_.lower(0) / "f", "x");
  start();
  EXPECT_EQ(p().rename("f", "g"), 0);
  EXPECT_EQ(p().list(""), (Names{"g"}));
  EXPECT_TRUE(is_whiteout(layers_.upper() / "f"));
}

TEST_F(OverlayTest, RenamingALowerDirectoryIsExdevUnlessRedirected) {
  put(layers_.lower(0) / "d/f", "x");
  start();
  EXPECT_EQ(p().rename("d", "e"), EXDEV);
  if (!is_root()) return;
  start("redirect_dir=on");
  EXPECT_EQ(p().rename("d", "e"), 0);
  EXPECT_EQ(p().read("e/f"), "x");
  EXPECT_EQ(p().list(""), (Names{"e"}));
  EXPECT_EQ(xattr_of(layers_.upper() / "e", mark_name("redirect")), "d");
  start("redirect_dir=on");
  EXPECT_EQ(p().read("e/f"), "x");
}

TEST_F(OverlayTest, ExchangeSwapsFiles) {
  put(layers_.lower(0) / "a", "1");
  put(layers_.lower(1) / "b", "2");
  start();
  EXPECT_EQ(p().rename("a", "b", RENAME_EXCHANGE), 0);
  EXPECT_EQ(p().read("a"), "2");
  EXPECT_EQ(p().read("b"), "1");
  EXPECT_EQ(p().rename("a", "c", RENAME_EXCHANGE), ENOENT);
  EXPECT_EQ(p().rename("a", "b", RENAME_NOREPLACE), EEXIST);
  EXPECT_EQ(p().rename("a", "c", RENAME_WHITEOUT), EINVAL);
}

TEST_F(OverlayTest, HardLinksShareTheNode) {
  put(layers_.lower(0) / "a", "1");
  start();
  EXPECT_EQ(p().link("a", "b"), 0);
  EXPECT_EQ(p().stat("a").st_ino, p().stat("b").st_ino);
  EXPECT_EQ(p().stat("a").st_nlink, 2u);
  EXPECT_EQ(p().write("b", "2", O_WRONLY), 0);
  EXPECT_EQ(p().unlink("a"), 0);
  EXPECT_EQ(p().read("b"), "2");
}

TEST_F(OverlayTest, ATemporaryFileCanBeNamed) {
  start();
  const Caller self = Caller::self();
  auto made = overlay_->tmpfile(self, kRootNode, O_RDWR, 0600);
  ASSERT_TRUE(made);
  NodeRef hold(*overlay_, made->entry.node);
  EXPECT_TRUE(made->file->write(self, bytes("data")));
  auto linked = overlay_->link(made->entry.node, kRootNode, "f");
  ASSERT_TRUE(linked);
  overlay_->forget(linked->node, 1);
  EXPECT_EQ(p().read("f"), "data");
}

TEST_F(OverlayTest, SparseFilesStaySparse) {
  put(layers_.lower(0) / "f", "start");
  fs::resize_file(layers_.lower(0) / "f", 64 << 20);
  start();
  EXPECT_EQ(p().write("f", "S", O_WRONLY), 0);
  EXPECT_EQ(p().stat("f").st_size, 64 << 20);
  struct stat st;
  ASSERT_EQ(::stat((layers_.upper() / "f").c_str(), &st), 0);
  EXPECT_LT(st.st_blocks, 1024);
}

TEST_F(OverlayTest, OwnXattrsAreHiddenAndUserOnesEscaped) {
  put(layers_.lower(0) / "d/f", "x");
  start();
  EXPECT_EQ(p().setxattr("d", mark_name("opaque"), "mine"), 0);
  EXPECT_EQ(xattr_of(layers_.upper() / "d", mark_name("overlay.opaque")), "mine");
  auto node = p().find("d");
  NodeRef hold(*overlay_, node->node);
  EXPECT_EQ(overlay_->getxattr(node->node, mark_name("opaque")), "mine");
  EXPECT_EQ(*overlay_->listxattr(Caller::self(), node->node), (Names{mark_name("opaque")}));
  EXPECT_EQ(p().list("d"), (Names{"f"}));
}

TEST_F(OverlayTest, ListingsResumeFromAnyOffset) {
  for (int i = 0; i < 20; ++i) put(layers_.lower(i % 2) / ("f" + std::to_string(i)), "");
  start();
  auto dir = overlay_->opendir(kRootNode);
  ASSERT_TRUE(dir);
  std::vector<std::string> names;
  off_t offset = 0;
  for (bool more = true; more;) {
    more = false;
    ASSERT_TRUE((*dir)->read(offset, [&](const DirEntry& entry) {
      if (more) return false;
      names.emplace_back(entry.name);
      offset = entry.next;
      more = true;
      return true;
    }));
  }
  EXPECT_EQ(names.size(), 22u);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
}

TEST_F(OverlayTest, ListedInodeNumbersMatchStat) {
  put(layers_.lower(0) / "d/a", "x");
  put(layers_.lower(1) / "d/sub/b", "x");
  start();
  EXPECT_EQ(p().write("d/a", "y", O_WRONLY), 0);
  EXPECT_EQ(p().write("d/new", "y"), 0);
  EXPECT_EQ(p().mkdir("d/sub/made"), 0);
  for (const char* where : {"d", "d/sub", ""}) {
    auto node = p().find(where);
    auto dir = overlay_->opendir(node->node);
    ASSERT_TRUE((*dir)->read(0, [&](const DirEntry& entry) {
      if (entry.name == "..") return true;
      const std::string path = entry.name == "." ? where : std::string(where) + "/" + std::string(entry.name);
      EXPECT_EQ(entry.ino, p().stat(path).st_ino) << path;
      return true;
    }));
    if (node->node != kRootNode) overlay_->forget(node->node, 1);
  }
}

TEST_F(OverlayTest, AMergedDirectoryMadeByHandIsListedWithItsNumberOnceLookedUp) {
  put(layers_.lower(0) / "d/a", "x");
  put(layers_.upper() / "d/b", "x");
  start();
  const ino_t shown = p().stat("d").st_ino;
  auto root = overlay_->opendir(kRootNode);
  ASSERT_TRUE((*root)->read(0, [&](const DirEntry& entry) {
    EXPECT_TRUE(entry.name != "d" || entry.ino == shown);
    return true;
  }));
}

TEST_F(OverlayTest, ItsFileSystemIdIsKeptInUpper) {
  const auto id_with = [&](const std::string& options) {
    start(options);
    return overlay_->statfs()->f_fsid;
  };
  const auto of_upper = id_with("uuid=null");
  const auto own = id_with("uuid=on");
  EXPECT_NE(own, of_upper);
  EXPECT_EQ(id_with("uuid=auto"), own);
  EXPECT_EQ(id_with("uuid=off"), of_upper);
}

TEST_F(OverlayTest, WithoutUpperEverythingIsReadOnly) {
  put(layers_.lower(0) / "f", "x");
  overlay_ = mount("lowerdir=" + layers_.lower(0).string() + ":" + layers_.lower(1).string());
  ASSERT_NE(overlay_, nullptr);
  paths_.emplace(*overlay_);
  EXPECT_TRUE(overlay_->read_only());
  EXPECT_EQ(p().read("f"), "x");
  EXPECT_EQ(p().write("f", "y", O_WRONLY), EROFS);
  EXPECT_EQ(p().mkdir("d"), EROFS);
  EXPECT_EQ(p().mkdir("f"), EEXIST);
  EXPECT_EQ(p().unlink("f"), EROFS);
}

TEST_F(OverlayTest, RefusesOverlappingLayersAndVolatileLeftovers) {
  const auto refused = [&](const std::string& options) {
    auto overlay = Overlay::mount(*parse_options(options));
    return overlay ? 0 : overlay.error();
  };
  const std::string l = layers_.lower(0), u = layers_.upper(), w = layers_.dir / "work";
  EXPECT_EQ(refused("lowerdir=" + l + ":" + l), ELOOP);
  EXPECT_EQ(refused("lowerdir=" + u + ",upperdir=" + u + ",workdir=" + w), ELOOP);
  EXPECT_EQ(refused("lowerdir=" + l + ",upperdir=" + u + ",workdir=" + u), EINVAL);
  EXPECT_EQ(refused("lowerdir=" + l), EINVAL);
  EXPECT_EQ(refused("lowerdir=" + l + "/none,upperdir=" + u + ",workdir=" + w), ENOENT);
  start("volatile");
  overlay_.reset();
  EXPECT_EQ(refused(layers_.options(marks())), EINVAL);
}

TEST_F(OverlayTest, ManyNodesNeedFewDescriptors) {
  for (int i = 0; i < 300; ++i) put(layers_.lower(0) / ("d" + std::to_string(i)) / "f", "x");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit small{100, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &small), 0);
  start();
  std::vector<NodeRef> held;
  for (int i = 0; i < 300; ++i) {
    for (const std::string& path : {"d" + std::to_string(i), "d" + std::to_string(i) + "/f"}) {
      auto node = p().find(path);
      ASSERT_TRUE(node);
      held.emplace_back(*overlay_, node->node);
    }
  }
  for (const NodeRef& node : held) EXPECT_TRUE(overlay_->getattr(node.id()));
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(OverlayTest, NewObjectsBelongToTheCallerAndInheritTheGroup) {
  if (!is_root()) GTEST_SKIP() << "needs chown";
  start();
  Caller someone;
  someone.uid = 1000;
  someone.gid = 1000;
  someone.umask = 027;
  auto dir = overlay_->mkdir(someone, kRootNode, "d", 0777);
  ASSERT_TRUE(dir);
  NodeRef hold(*overlay_, dir->node);
  EXPECT_EQ(dir->attr.st_uid, 1000u);
  EXPECT_EQ(dir->attr.st_mode, S_IFDIR | 0750u);
  SetAttr change;
  change.gid = 2000;
  change.mode = 02775;
  ASSERT_TRUE(overlay_->setattr(Caller::superuser(), dir->node, change));
  auto file = overlay_->create(someone, dir->node, "f", O_RDWR, 02777);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->entry.attr.st_gid, 2000u);
  EXPECT_EQ(file->entry.attr.st_mode, S_IFREG | 0750u);
  overlay_->forget(file->entry.node, 1);
}

TEST_F(OverlayTest, WritingDropsSetIdBits) {
  if (!is_root()) GTEST_SKIP() << "needs to act for another user";
  put(layers_.lower(0) / "f", "x");
  ASSERT_EQ(::chmod((layers_.lower(0) / "f").c_str(), 06777), 0);
  start();
  Caller someone;
  someone.uid = someone.gid = 1000;
  auto node = p().find("f");
  auto file = overlay_->open(someone, node->node, O_WRONLY);
  ASSERT_TRUE(file);
  EXPECT_EQ(p().stat("f").st_mode & 07777, 06777u);
  EXPECT_TRUE((*file)->write(someone, bytes("y")));
  EXPECT_EQ(p().stat("f").st_mode & 07777, 0777u);
  overlay_->forget(node->node, 1);
}

TEST_F(OverlayTest, ImmutableAndAppendOnlyAreKeptInAMark) {
  put(layers_.lower(0) / "f", "x");
  start();
  auto node = p().find("f");
  NodeRef hold(*overlay_, node->node);
  auto flags = overlay_->get_flags(node->node);
  if (!flags) GTEST_SKIP() << "no inode flags on this file system";
  ASSERT_TRUE(overlay_->set_flags(node->node, *flags | FS_IMMUTABLE_FL));
  EXPECT_EQ(xattr_of(layers_.upper() / "f", mark_name("protattr")), "i");
  EXPECT_EQ(p().unlink("f"), EPERM);
  EXPECT_EQ(p().rename("f", "g"), EPERM);
  EXPECT_EQ(p().chmod("f", 0600), EPERM);
  EXPECT_EQ(p().write("f", "y", O_WRONLY), EPERM);
  ASSERT_TRUE(overlay_->set_flags(node->node, *flags | FS_APPEND_FL));
  EXPECT_EQ(p().write("f", "y", O_WRONLY), EPERM);
  EXPECT_EQ(p().write("f", "y", O_WRONLY | O_APPEND), 0);
  ASSERT_TRUE(overlay_->set_flags(node->node, *flags));
  EXPECT_EQ(p().read("f"), "xy");
  EXPECT_EQ(p().unlink("f"), 0);
}

TEST_F(OverlayTest, DataLayersSupplyTheContents) {
  if (!is_root()) GTEST_SKIP() << "needs trusted.*";
  put(layers_.lower(0) / "f", "");
  fs::resize_file(layers_.lower(0) / "f", 5);
  ASSERT_EQ(::setxattr((layers_.lower(0) / "f").c_str(), "trusted.overlay.metacopy", "", 0, 0), 0);
  ASSERT_EQ(::setxattr((layers_.lower(0) / "f").c_str(), "trusted.overlay.redirect", "/store/1", 8, 0), 0);
  put(layers_.lower(1) / "store/1", "hello");
  std::string options = layers_.options();
  options.replace(options.find("lower0:"), 7, "lower0::");
  overlay_ = mount(options);
  ASSERT_NE(overlay_, nullptr);
  paths_.emplace(*overlay_);
  EXPECT_EQ(p().list(""), (Names{"f"}));
  EXPECT_EQ(p().read("f"), "hello");
  EXPECT_EQ(p().write("f", "!", O_WRONLY | O_APPEND), 0);
  EXPECT_EQ(p().read("f"), "hello!");
  EXPECT_EQ(xattr_of(layers_.upper() / "f", "trusted.overlay.metacopy"), "(none)");
}

TEST_F(OverlayTest, AFileWhoseDataAreMissingIsNotCopiedUp) {
  if (!is_root()) GTEST_SKIP() << "needs trusted.*";
  put(layers_.lower(0) / "f", "");
  ASSERT_EQ(::setxattr((layers_.lower(0) / "f").c_str(), "trusted.overlay.metacopy", "", 0, 0), 0);
  ASSERT_EQ(::setxattr((layers_.lower(0) / "f").c_str(), "trusted.overlay.redirect", "/../x", 5, 0), 0);
  put(layers_.lower(1) / "y", "hello");
  std::string options = layers_.options();
  options.replace(options.find("lower0:"), 7, "lower0::");
  overlay_ = mount(options + ",metacopy=on");
  ASSERT_NE(overlay_, nullptr);
  paths_.emplace(*overlay_);
  EXPECT_EQ(p().chmod("f", 0600), EXDEV);
  EXPECT_EQ(p().rename("f", "g"), EXDEV);
  EXPECT_EQ(p().unlink("f"), 0);
}

TEST_F(OverlayTest, TheIndexIsCleanedOrRefused) {
  if (!is_root()) GTEST_SKIP() << "needs to open file handles";
  put(layers_.dir / "work/index/#1/f", "left over");
  overlay_ = mount(layers_.options() + ",index=on");
  ASSERT_NE(overlay_, nullptr);
  EXPECT_FALSE(fs::exists(layers_.dir / "work/index/#1"));
  overlay_.reset();
  const auto refusal = [&](const std::string& name) {
    put(layers_.dir / "work/index" / name, "x");
    auto spec = parse_options(layers_.options() + ",index=on");
    const auto refused = Overlay::mount(*spec);
    fs::remove(layers_.dir / "work/index" / name);
    return refused ? 0 : refused.error();
  };
  EXPECT_EQ(refusal("00fb"), EINVAL);
  EXPECT_EQ(refusal("00fc1d0001" + std::string(48, '0')), EINVAL);
  EXPECT_EQ(refusal("01fb1d0001" + std::string(48, '0')), ENODATA);
}

TEST_F(OverlayTest, PermissionFollowsModeBitsAndAcls) {
  put(layers_.lower(0) / "f", "x");
  ASSERT_EQ(::chmod((layers_.lower(0) / "f").c_str(), 0640), 0);
  start();
  auto node = p().find("f");
  NodeRef hold(*overlay_, node->node);
  Caller other;
  other.uid = other.gid = 4242;
  EXPECT_EQ(overlay_->permission(other, node->node, R_OK).error(), EACCES);
  EXPECT_TRUE(overlay_->permission(Caller::superuser(), node->node, R_OK | W_OK));
  EXPECT_EQ(overlay_->permission(Caller::superuser(), node->node, X_OK).error(), EACCES);
  Caller member = other;
  member.groups = {node->attr.st_gid};
  EXPECT_TRUE(overlay_->permission(member, node->node, R_OK));
  EXPECT_EQ(overlay_->permission(member, node->node, W_OK).error(), EACCES);
}

}  // namespace
}  // namespace userlay::testing
