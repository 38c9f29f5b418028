/* The body of POST /v1/jobs and the small grammars of HTTP. */
#include "http/http.h"
#include "jobs/request.h"
#include "unit.h"

#include <string.h>

static sg_job_request q;
static sg_field_errors errors;
static sg_err err;

static sg_status parse(const char *body)
{
    err = (sg_err){0};
    return sg_job_request_parse(body, strlen(body), 1000, &q, &errors, &err);
}

START_TEST(both_ways_of_asking_for_people_are_read)
{
    ck_ok(parse("{\"model\":\"t2d\",\"cohort\":{\"cases\":5,\"controls\":0}}"), err);
    ck_assert_int_eq(q.n_case, 5);
    ck_assert_int_eq(q.n_control, 0);
    ck_assert_int_eq(q.seed, -1);
    ck_assert_str_eq(q.options, "{\"formats\":[\"plink\"],\"sampler\":{}}");
    ck_ok(parse("{\"model\":\"t2d\",\"size\":1000,\"case_fraction\":0.1,\"seed\":9007199254740992,\"name\":\"x y\","
                "\"sampler\":{\"steps\":5,\"decode\":\"argmax\",\"name\":\"heun\",\"guidance\":1},"
                "\"formats\":[\"pgen\",\"npy\",\"plink\",\"bcf\",\"vcf\"]}"),
          err);
    ck_assert_int_eq(q.n_case, 100);
    ck_assert_int_eq(q.n_control, 900);
    ck_assert_int_eq(q.seed, (int64_t)1 << 53);
    ck_assert_str_eq(
        q.options,
        "{\"formats\":[\"plink\",\"vcf\",\"bcf\",\"npy\",\"pgen\"],\"sampler\":{\"decode\":\"argmax\",\"guidance\":1.0,"
        "\"name\":\"heun\",\"steps\":5}}");
}
END_TEST

START_TEST(every_mistake_is_told_at_once_with_its_place)
{
    static const struct {
        const char *pointer, *detail;
    } want[] = {{"/a~1b~0c", "is not a member of this request"},
                {"/model", "has a character that a name here cannot have"},
                {"/cohort/extra", "is not a member of this request"},
                {"/cohort/cases", "is -1, want 0..1000"},
                {"/cohort/controls", "want a whole number of 0..1000"},
                {"/seed", "want a whole number of 0..9007199254740992"},
                {"/name", "want text of 1..128 bytes"},
                {"/callback_url", "want an absolute http or https URL without user or fragment"},
                {"/sampler/name", "want euler, heun or dpmpp2m"},
                {"/sampler/steps", "is 0, want 1..1000"},
                {"/sampler/guidance", "want a number of 0..50"},
                {"/sampler/decode", "want argmax or sample"},
                {"/formats/0", "want plink, vcf, bcf, npy or pgen"}};
    ck_assert_int_eq(parse("{\"a/b~c\":1,\"callback_url\":\"http://u@x\",\"model\":\"../etc\",\"cohort\":{\"cases\":-1,"
                           "\"controls\":1.5,\"extra\":0},\"seed\":\"7\",\"name\":\"\",\"sampler\":{\"name\":\"ddim\","
                           "\"steps\":0,\"guidance\":99,\"decode\":1},\"formats\":[\"vcff\"]}"),
                     SG_LIMIT);
    ck_assert_str_eq(err.msg, "13 parts of the request cannot be served");
    ck_assert_int_eq(errors.n, 13);
    for (int i = 0; i < errors.n; i++) {
        ck_assert_str_eq(errors.row[i].pointer, want[i].pointer);
        ck_assert_str_eq(errors.row[i].detail, want[i].detail);
    }
}
END_TEST

START_TEST(a_callback_url_is_a_plain_absolute_one)
{
    static const char *const fine[][2] = {{"https://a.example/x?y=1", "a.example"},
                                          {"http://A.Example:8080", "a.example:8080"},
                                          {"https://127.0.0.1/", "127.0.0.1"}};
    static const char *const bad[] = {"",
                                      "x",
                                      "ftp://a/",
                                      "https://",
                                      "https:///x",
                                      "https://u@a/",
                                      "https://a:/",
                                      "https://a:99999/",
                                      "https://a:1:2/",
                                      "https://a/#f",
                                      "https://a b/",
                                      "https://[::1]/",
                                      "https://a\\b/",
                                      "https://-a/",
                                      "https://a:b/",
                                      "https:a"};
    char host[64];
    bool tls;
    for (size_t i = 0; i < 3; i++) {
        ck_assert_msg(sg_url_parse(fine[i][0], &tls, host, sizeof host), "%s", fine[i][0]);
        ck_assert_str_eq(host, fine[i][1]);
        ck_assert_int_eq(tls, fine[i][0][4] == 's');
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!sg_url_parse(bad[i], &tls, host, sizeof host), "%s", bad[i]);
}
END_TEST

START_TEST(a_preferred_wait_is_read_and_nonsense_is_none)
{
    static const struct {
        const char *header;
        int64_t wait;
    } row[] = {{"wait=10", 10},
               {"respond-async, wait=3", 3},
               {"wait = \"7\"", 7},
               {"WAIT=0;x=y", 0},
               {NULL, -1},
               {"", -1},
               {"wait", -1},
               {"wait=", -1},
               {"wait=x", -1},
               {"wait=-1", -1},
               {"await=5", -1},
               {"wait=5 x", -1},
               {"wait=1, wait=2", 1},
               {"wait=99999999999999999999", -1}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        ck_assert_msg(sg_http_prefer_wait(row[i].header) == row[i].wait, "%s", row[i].header);
}
END_TEST

static void one_error(const char *body, const char *pointer, const char *detail)
{
    ck_assert_int_eq(parse(body), SG_LIMIT);
    ck_assert_int_eq(errors.n, 1);
    ck_assert_str_eq(errors.row[0].pointer, pointer);
    ck_assert_str_eq(errors.row[0].detail, detail);
}

START_TEST(sizes_nobody_can_serve_are_refused)
{
    one_error("{\"model\":\"m\",\"cohort\":{\"cases\":0,\"controls\":0}}", "/cohort", "has 0 people, want 1..1000");
    one_error("{\"model\":\"m\",\"cohort\":{\"cases\":600,\"controls\":401}}", "/cohort",
              "has 1001 people, want 1..1000");
    one_error("{\"model\":\"m\",\"size\":1001,\"case_fraction\":0}", "/size", "is 1001, want 1..1000");
    one_error("{\"model\":\"m\",\"size\":10,\"case_fraction\":1.5}", "/case_fraction", "want a number of 0..1");
    one_error("{\"model\":\"m\",\"size\":10}", "/case_fraction", "want a number of 0..1");
    one_error("{\"model\":\"m\"}", "/cohort", "want an object with cases and controls");
    one_error("{\"model\":\"m\",\"size\":1,\"case_fraction\":0,\"cohort\":{}}", "",
              "give either cohort, or size and case_fraction");
    one_error("{\"cohort\":{\"cases\":1,\"controls\":1}}", "/model", "is missing: which model makes the people?");
    one_error("{\"model\":\"m\",\"cohort\":{\"cases\":1,\"controls\":1},\"formats\":[\"npy\",\"npy\"]}", "/formats/1",
              "stands here twice");
    one_error("{\"model\":\"m\",\"cohort\":{\"cases\":1,\"controls\":1},\"formats\":[]}", "/formats",
              "want a list of plink, vcf, bcf, npy, pgen");
}
END_TEST

START_TEST(what_is_not_json_names_line_and_column)
{
    ck_assert_int_eq(parse("{\"model\":\n  oops}"), SG_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.msg, "not JSON at line 2, column"));
    ck_assert_int_eq(parse(""), SG_FORMAT);
    ck_assert_int_eq(parse("[]"), SG_FORMAT);
    ck_assert_str_eq(err.msg, "the body is not a JSON object");
    ck_assert_int_eq(parse("{\"model\":\"a\",\"model\":\"b\"}"), SG_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.msg, "duplicate"));
    ck_assert_int_eq(parse("{\"seed\":99999999999999999999}"), SG_FORMAT);
    ck_assert_int_eq(parse("{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"), SG_FORMAT);
    ck_assert_str_eq(err.msg, "the JSON is nested deeper than 16");
    ck_assert_int_eq(parse("{\"model\":\"\\u0000\"}"), SG_FORMAT);
}
END_TEST

static sg_status target(const char *t, sg_request *out)
{
    err = (sg_err){0};
    memset(out, 0, sizeof *out);
    return sg_http_target(t, "h:80", out, &err);
}

START_TEST(request_targets_are_decoded_once_and_tricks_are_refused)
{
    sg_request r;
    ck_ok(target("/v1/jobs/%61b?x=1&y=a%20b+c&z&", &r), err);
    ck_assert_str_eq(r.path, "/v1/jobs/ab");
    ck_assert_int_eq(r.n_query, 3);
    ck_assert_str_eq(sg_request_query(&r, "y"), "a b c");
    ck_assert_str_eq(sg_request_query(&r, "z"), "");
    ck_assert_ptr_null(sg_request_query(&r, "w"));
    ck_ok(target("http://H:80/v1/models", &r), err); /* absolute form for this very host */
    ck_assert_str_eq(r.path, "/v1/models");
    static const char *const bad[] = {"/v1/%00",
                                      "/a%2fb",
                                      "/a//b",
                                      "/a/../b",
                                      "/a/./b",
                                      "/a/..",
                                      "/%",
                                      "/%4",
                                      "/%zz",
                                      "a",
                                      "*",
                                      "",
                                      "/a#b",
                                      "http://evil/v1/models",
                                      "http://h:80@evil/",
                                      "/a%0d%0ab",
                                      "/%ff",
                                      "/%c0%af",
                                      "/x?y=%00",
                                      "/x?y=%ff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(target(bad[i], &r) != SG_OK, "\"%s\" was accepted as \"%s\"", bad[i], r.path);
    char many[200] = "/x?";
    for (int i = 0; i < 17; i++)
        strcat(many, "a=1&");
    ck_assert_int_eq(target(many, &r), SG_LIMIT);
}
END_TEST

START_TEST(ranges_follow_rfc_9110)
{
    static const struct {
        const char *header;
        sg_range_kind kind;
        int64_t first, last;
    } row[] = {{NULL, SG_RANGE_WHOLE, 0, 99},        {"bytes=0-0", SG_RANGE_PART, 0, 0},
               {"bytes=10-", SG_RANGE_PART, 10, 99}, {"bytes=-5", SG_RANGE_PART, 95, 99},
               {"bytes=-500", SG_RANGE_PART, 0, 99}, {"bytes=50-500", SG_RANGE_PART, 50, 99},
               {"bytes=100-", SG_RANGE_NONE, 0, 99}, {"bytes=-0", SG_RANGE_NONE, 0, 99},
               {"bytes=9-8", SG_RANGE_WHOLE, 0, 99}, {"bytes=0-1,5-6", SG_RANGE_WHOLE, 0, 99},
               {"lines=0-1", SG_RANGE_WHOLE, 0, 99}, {"bytes=", SG_RANGE_WHOLE, 0, 99},
               {"bytes=a-b", SG_RANGE_WHOLE, 0, 99}, {"bytes=99999999999999999999-", SG_RANGE_WHOLE, 0, 99},
               {"bytes=--1", SG_RANGE_WHOLE, 0, 99}, {"bytes=1-2 ", SG_RANGE_WHOLE, 0, 99}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        int64_t first, last;
        const sg_range_kind kind = sg_http_range(row[i].header, 100, &first, &last);
        ck_assert_msg(kind == row[i].kind, "%s", row[i].header);
        if (kind == SG_RANGE_PART)
            ck_assert_msg(first == row[i].first && last == row[i].last, "%s", row[i].header);
    }
    int64_t first, last;
    ck_assert_int_eq(sg_http_range("bytes=-1", 0, &first, &last), SG_RANGE_NONE);
}
END_TEST

START_TEST(accept_etag_lists_bearer_tokens_and_base64)
{
    ck_assert(sg_http_accepts(NULL, "application/json"));
    ck_assert(sg_http_accepts("text/html, application/*;q=0.5", "application/json"));
    ck_assert(sg_http_accepts("*/*", "application/json"));
    ck_assert(!sg_http_accepts("text/html", "application/json"));
    ck_assert_int_eq(sg_http_quality("text/html;q=0.25, */*;q=0.125", "text/html"), 250);
    ck_assert_int_eq(sg_http_quality("text/html;q=0.25, */*;q=0.125", "application/json"), 125);
    ck_assert_int_eq(sg_http_quality("text/*;q=0.9;v=1, text/html;level=1;q=0", "text/html"), 0);
    ck_assert_int_eq(sg_http_quality("a/b;q=1.0, a/b;q=0.5", "a/b"), 1000);
    ck_assert_int_eq(sg_http_quality("a/b;q=, a/b;q=0.00001", "a/b"), 1000);
    ck_assert(!sg_http_accepts("*/*, application/json;q=0", "application/json"));
    ck_assert(!sg_http_accepts("application/json; q=0.000", "application/json"));
    ck_assert(sg_http_accepts("application/json;q=0.001", "application/json"));
    ck_assert(sg_http_etag_in("\"a\", W/\"b\"", "b"));
    ck_assert(sg_http_etag_in("*", "b"));
    ck_assert(!sg_http_etag_in("\"ab\"", "b"));
    ck_assert(!sg_http_etag_in("b", "b"));
    ck_assert_str_eq(sg_http_bearer("bearer  tok"), "tok");
    ck_assert_ptr_null(sg_http_bearer("Basic dXNlcg=="));
    ck_assert_ptr_null(sg_http_bearer("Bearer "));
    ck_assert_ptr_null(sg_http_bearer("Bearer a b"));
    char b64[16];
    sg_http_base64((const uint8_t *)"snp!", 4, b64);
    ck_assert_str_eq(b64, "c25wIQ==");
}
END_TEST

UNIT_MAIN("server_request", both_ways_of_asking_for_people_are_read, every_mistake_is_told_at_once_with_its_place,
          sizes_nobody_can_serve_are_refused, what_is_not_json_names_line_and_column,
          request_targets_are_decoded_once_and_tricks_are_refused, ranges_follow_rfc_9110,
          accept_etag_lists_bearer_tokens_and_base64, a_callback_url_is_a_plain_absolute_one,
          a_preferred_wait_is_read_and_nonsense_is_none)
