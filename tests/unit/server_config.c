/* Configuration: the table, the example file and the messages. */
#include "config/config.h"
#include "files.h"

START_TEST(the_example_file_is_the_table_and_every_default_in_it_parses)
{
    sg_buf b;
    sg_err err = {0};
    sg_config c, want = sg_config_default();
    sg_buf_init(&b, 1 << 20);
    ck_ok(sg_config_example(&b, &err), err);
    char *file = get_file(SG_SOURCE_DIR "/config.example.toml", NULL);
    ck_assert_msg(!strcmp(file, (char *)b.data),
                  "config.example.toml is not what the table says: snpgend --example-config > config.example.toml");
    ck_ok(sg_config_parse("example", file, strlen(file), &c, &err), err);
    ck_assert_mem_eq(&c, &want, sizeof c);
    free(file);
    sg_buf_clear(&b);
}
END_TEST

static const char *refused(const char *toml, sg_status want)
{
    static sg_err err;
    sg_config c;
    err = (sg_err){0};
    ck_assert_int_eq(sg_config_parse("c.toml", toml, strlen(toml), &c, &err), want);
    return err.msg;
}

START_TEST(mistakes_name_the_key_the_line_and_the_bounds)
{
    ck_assert_str_eq(refused("[http]\nport = 70000\n", SG_LIMIT),
                     "c.toml line 2: http.port is 70000, want 0..65535 port");
    ck_assert_str_eq(refused("\n[http]\nprot = 80\n", SG_FORMAT), "c.toml line 3: unknown key \"http.prot\"");
    ck_assert_str_eq(refused("[http]\nport = \"80\"\n", SG_FORMAT), "c.toml line 2: http.port wants a whole number");
    ck_assert_str_eq(refused("[http]\nlisten = 5\n", SG_FORMAT), "c.toml line 2: http.listen wants text in quotes");
    ck_assert_str_eq(refused("[sandbox]\nrequired = 1\n", SG_FORMAT),
                     "c.toml line 2: sandbox.required wants true or false");
    ck_assert_str_eq(refused("[log]\nlevel = \"loud\"\n", SG_FORMAT),
                     "c.toml: log.level is \"loud\", want debug, info, warn or error");
    ck_assert_str_eq(refused("[data]\ndir = \"\"\n", SG_FORMAT), "c.toml: data.dir is empty, want a folder");
    ck_assert_ptr_nonnull(strstr(refused("[http\n", SG_FORMAT), "c.toml line 1: not TOML: "));
    ck_assert_str_eq(refused("[log]\n# \xc3\xa9\n", SG_FORMAT),
                     "c.toml line 2: byte 0xc3; write ASCII, and other letters as \\u00e9");
    ck_assert_str_eq(refused("port = 80\n", SG_FORMAT), "c.toml line 1: unknown key \"port\"");
    ck_assert_str_eq(refused("[http]\nport = 1.5\n", SG_FORMAT), "c.toml line 2: http.port wants a whole number");
}
END_TEST

START_TEST(models_are_tables_with_id_and_path)
{
    sg_config c;
    sg_err err = {0};
    const char *good = "[[model]]\nid = \"a\"\npath = \"/m/a\"\n[[model]]\npath = \"/m/b\"\n";
    ck_ok(sg_config_parse("c", good, strlen(good), &c, &err), err);
    ck_assert_int_eq(c.n_model, 2);
    ck_assert_str_eq(c.model[0].id, "a");
    ck_assert_str_eq(c.model[1].path, "/m/b");
    ck_assert_str_eq(c.model[1].id, "");
    ck_assert_str_eq(refused("[[model]]\nid = \"a\"\n", SG_FORMAT), "c.toml: model 1 of 1 has no path");
    ck_assert_str_eq(refused("[[model]]\npaht = \"a\"\n", SG_FORMAT),
                     "c.toml line 2: unknown key \"model[0].paht\"; a [[model]] has id and path");
    ck_assert_str_eq(refused("[model]\npath = \"a\"\n", SG_FORMAT),
                     "c.toml line 2: write models as [[model]] with path = \"...\"");
    ck_assert_str_eq(refused("[[model]]\nid=\"a\"\npath=\"x\"\n[[model]]\nid=\"a\"\npath=\"y\"\n", SG_MISMATCH),
                     "c.toml: two models have the id \"a\"");
    char many[65 * 32] = "";
    for (int i = 0; i < 65; i++)
        strcat(many, "[[model]]\npath = \"x\"\n");
    ck_assert_ptr_nonnull(strstr(refused(many, SG_LIMIT), "more than 64 models"));
}
END_TEST

START_TEST(a_missing_file_is_not_found)
{
    sg_config c;
    sg_err err = {0};
    ck_assert_int_eq(sg_config_load("/nonexistent/c.toml", &c, &err), SG_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.msg, "/nonexistent/c.toml"));
}
END_TEST

UNIT_MAIN("server_config", the_example_file_is_the_table_and_every_default_in_it_parses,
          mistakes_name_the_key_the_line_and_the_bounds, models_are_tables_with_id_and_path,
          a_missing_file_is_not_found)
