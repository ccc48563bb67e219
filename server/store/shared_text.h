// A long text that its copies share.

#ifndef SERVER_STORE_SHARED_TEXT_H_
#define SERVER_STORE_SHARED_TEXT_H_

#include <memory>
#include <string>
#include <utility>

namespace descent::store {

class SharedText {
 public:
  SharedText() = default;
  explicit SharedText(std::string text) {
    if (!text.empty()) text_ = std::make_shared<const std::string>(std::move(text));
  }

  bool empty() const { return text_ == nullptr; }
  const std::string& text() const {
    static const auto* none = new std::string;
    return empty() ? *none : *text_;
  }

  friend bool operator==(const SharedText& a, const SharedText& b) { return a.text() == b.text(); }

 private:
  std::shared_ptr<const std::string> text_;  // null for an empty one
};

}  // namespace descent::store

#endif  // SERVER_STORE_SHARED_TEXT_H_
