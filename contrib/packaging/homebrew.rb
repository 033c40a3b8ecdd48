# The formula of Homebrew; release.sh fills in what stands between at signs.
class KauditSetup < Formula
  include Language::Python::Virtualenv

  desc "Turn Kubernetes audit logging on, prove it, and ask who did it"
  homepage "https://github.com/kaudit-setup/kaudit-setup"
  url "https://github.com/kaudit-setup/kaudit-setup/releases/download/v@VERSION@/kaudit_setup-@VERSION_PY@.tar.gz"
  sha256 "@SHA256_SDIST@"
  license "Apache-2.0"

  depends_on "python@3.13"

  def install
    virtualenv_create(libexec, "python3.13")
    system libexec/"bin/python", "-m", "pip", "install", "--require-hashes",
           "-r", "contrib/packaging/requirements.lock"
    system libexec/"bin/python", "-m", "pip", "install", "--no-deps", "."
    bin.install_symlink libexec/"bin/kaudit-setup"
    generate_completions_from_executable(bin/"kaudit-setup", "--show-completion", shells: [:bash, :zsh, :fish])
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/kaudit-setup --version")
  end
end
