//! A little code of each language, with what tends to mislead: items in strings, comments and
//! attributes above items, heredocs.

pub const RUST: &str = r#"use std::fmt;

/// A point.
#[derive(Debug)]
struct Point {
    x: i32,
}

impl fmt::Display for Point {
    // Writes it down.
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = "é
            {}";
        write!(f, "{text} {}", self.x)
    }

    fn other(&self) -> i32 {
        match self.x {
            0 => one(),
            _ => two(),
        }
    }
}

fn last() {
    one();
    two();
}
"#;

pub const PYTHON: &str = r#""""Shapes."""
import os


class Shape(Base):
    """A shape."""

    def area(self):
        text = """
def not_a_function():
        """
        return len(text)

    # How far it is around.
    @property
    def length(self):
        return self.one + self.two


@decorated
def last(one, two):
    return one + two
"#;

pub const JAVASCRIPT: &str = r#"import { one } from "./one.js";

/** A shape. */
export class Shape extends Base {
  constructor(x) {
    super();
    this.x = x;
  }

  // Draws it.
  draw() {
    return <div className="a">{this.x}</div>;
  }
}

export const last = (one, two) => {
  return one + two;
};

module.exports = {
  first() { return 1; },
  second: function () { return 2; },
};
"#;

pub const TYPESCRIPT: &str = r#"interface Shape<T> {
  x: number;
  y: T;
}

@Component({ selector: "a" })
export class Circle implements Shape<string> {
  constructor(private readonly x: number) {}

  // The area.
  @Input()
  area(): number {
    return <number>this.x * 2;
  }
}

export function last(one: string): void {
  console.log(one);
}
"#;

pub const TSX: &str = r#"type Props = { title: string };

export function Page({ title }: Props) {
  const [state, setState] = useState<string>("a");
  return <main className="page"><h1>{title}</h1></main>;
}

/** The last. */
export const Last: React.FC<Props> = ({ title }) => {
  return <p>{title}</p>;
};
"#;

pub const GO: &str = r#"package main

import "fmt"

// Server serves.
type Server struct {
	Name string
	Port int
}

// Run runs it.
func (s *Server) Run() error {
	for i := 0; i < 3; i++ {
		fmt.Println(i, s.Name)
	}
	return nil
}

func main() {
	s := &Server{}
	s.Run()
}
"#;

pub const JAVA: &str = r#"package a.b;

import java.util.List;

/** A shape. */
@Deprecated
public class Shape<T> extends Base {
    private int x = 1;

    /** Makes it. */
    public Shape(int x) {
        this.x = x;
    }

    @Override
    public String toString() {
        return "Shape" + x;
    }

    enum Kind { ROUND, FLAT }
}
"#;

pub const C: &str = r#"#ifndef SHAPE_H
#define SHAPE_H

#include <stdio.h>

/* A point. */
struct point {
    int x;
    int y;
};

/* Adds
   two. */
static int *add(struct point *a, int b)
{
    a->x += b;
    return &a->x;
}

#ifdef DEBUG
void debug(void) { puts("debug"); }
#endif

#endif
"#;

pub const CPP: &str = r#"#include <vector>

namespace shapes {

// A shape.
template <typename T>
class Shape : public Base<T> {
public:
    explicit Shape(T x) : x_(x) {}

    T area() const {
        return x_ * x_;
    }

private:
    T x_;
};

int Other::method(int a) {
    return a + 1;
}

}  // namespace shapes
"#;

pub const RUBY: &str = r#"require "set"

module Shapes
  # A shape.
  class Shape < Base
    attr_reader :x

    # Makes it.
    def initialize(x)
      @x = x
    end

    def self.unit
      text = <<~TEXT
        def not_a_method
      TEXT
      new(text)
    end
  end
end
"#;

pub const PHP: &str = r#"<?php

namespace App\Shapes;

use App\Base;

/** A shape. */
#[Attribute]
final class Shape extends Base
{
    private int $x = 1;

    // Makes it.
    public function __construct(int $x)
    {
        $this->x = $x;
    }

    public function area(): int
    {
        return $this->x * $this->x;
    }
}

function last(string $one): string
{
    return $one . "two";
}
"#;

/// The type and the code of each.
pub const SOURCES: &[(&str, &str)] = &[
    ("text/x-rust", RUST),
    ("text/x-python", PYTHON),
    ("text/javascript", JAVASCRIPT),
    ("text/x-typescript", TYPESCRIPT),
    ("text/x-typescript", TSX),
    ("text/x-go", GO),
    ("text/x-java", JAVA),
    ("text/x-c", C),
    ("text/x-c++", CPP),
    ("text/x-ruby", RUBY),
    ("text/x-php", PHP),
];
