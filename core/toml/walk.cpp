/* walk.cpp - see toml.h. The only C++ of the project, because toml++ is C++. */
#include "toml/toml.h"

#include <cstdio>
#include <stdexcept>
#include <string>

/* toml++ 3.3.0 asserts on some malformed keys ("[[" and a form feed); a typo in a file must end in words, not in abort. */
#define TOML_ASSERT(expr)                                                                                              \
    do {                                                                                                               \
        if (!(expr))                                                                                                   \
            throw std::runtime_error("malformed");                                                                     \
    } while (0)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored                                                                                         \
    "-Wterminate" /* where toml++ may not throw, a failed assertion ends the program as before */
#endif
#include <toml++/toml.h>

namespace
{
struct walk {
    sg_toml_fn *fn;
    void *ctx;
};

int visit(const walk &w, const std::string &key, const toml::node &node)
{
    const int line = static_cast<int>(node.source().begin.line);
    if (const toml::table *table = node.as_table()) {
        for (auto &&[name, value] : *table) {
            const std::string below = key.empty() ? std::string(name.str()) : key + "." + std::string(name.str());
            if (const int stop = visit(w, below, value))
                return stop;
        }
        return 0;
    }
    if (const toml::array *array = node.as_array()) {
        size_t i = 0;
        for (auto &&value : *array)
            if (const int stop = visit(w, key + "[" + std::to_string(i++) + "]", value))
                return stop;
        return 0;
    }
    sg_toml_value v = {key.c_str(), SG_TOML_OTHER, "", 0, 0, line};
    if (const auto *text = node.as_string()) {
        v.kind = SG_TOML_TEXT;
        v.text = text->get().c_str();
    } else if (const auto *number = node.as_integer()) {
        v.kind = SG_TOML_INT;
        v.number = number->get();
        v.real = static_cast<double>(v.number);
    } else if (const auto *flag = node.as_boolean()) {
        v.kind = SG_TOML_FLAG;
        v.number = flag->get();
    } else if (const auto *real = node.as_floating_point()) {
        v.kind = SG_TOML_REAL;
        v.real = real->get();
    }
    return w.fn(w.ctx, &v);
}
} // namespace

extern "C" int sg_toml_walk(const char *toml, size_t n, sg_toml_fn *fn, void *ctx, char *words, size_t n_words,
                            int *line)
{
    *line = 0;
    try {
        const toml::table root = toml::parse(std::string_view(toml, n));
        return visit(walk{fn, ctx}, "", root);
    } catch (const toml::parse_error &e) {
        *line = static_cast<int>(e.source().begin.line);
        std::snprintf(words, n_words, "%.*s", static_cast<int>(e.description().size()), e.description().data());
    } catch (const std::exception &e) {
        std::snprintf(words, n_words, "%s", e.what());
    }
    return -1;
}
